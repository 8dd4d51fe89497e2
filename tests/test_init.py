"""`recsys init`: from files to a params file that runs them."""

import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from recsys import params
from recsys.cli import app

PARAMS = Path(__file__).parents[1] / "params"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own, with 1,200 clicks of 60 customers in clicks.csv."""
    (tmp_path / "params").mkdir()
    for name in ("base.yaml", "local.yaml"):
        shutil.copy(PARAMS / name, tmp_path / "params" / name)
    kinds = ("view", "order")
    rows = [f"c{row % 60},{row % 40},{1_709_210_096 + row},{kinds[row % 7 == 0]}" for row in range(1_200)]
    (tmp_path / "clicks.csv").write_text("\n".join(["customer,sku,when,action", *rows]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*words: str):
    return CliRunner().invoke(app, ["init", *words])


def test_the_file_written_names_the_columns_and_the_check_is_made_with_it(project: Path) -> None:
    said = init("clicks.csv")
    assert said.exit_code == 0, said.exception
    assert "enough to train on" in said.output
    assert "next: recsys run --params params/clicks.yaml" in said.output
    values, _ = params.load("params/clicks.yaml")
    assert values.aws.environment_suffix == "clicks" and values.data.data_file == "clicks.csv"
    known = {"USER_ID": "customer", "ITEM_ID": "sku", "TIMESTAMP": "when", "EVENT_TYPE": "action"}
    assert values.data.column_mapping == known
    assert values.serving.purchase_events == ["order"]


def test_what_is_usual_is_not_written(project: Path) -> None:
    init("clicks.csv", "--name", "shop", "--timezone", "Europe/Berlin")
    written = yaml.safe_load((project / "params" / "shop.yaml").read_text())
    assert set(written["data"]) == {"source", "data_file", "column_mapping", "timezone"}


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (["--name", "My Shop"], '"My Shop": give up to 12 lower-case letters, .* such as my-shop'),
        (["--name", "dev"], 'has the environment "dev" already: give another --name'),
        (["--map", "ITEM_ID=skuu"], "no column 'skuu' .*did you mean \"sku\""),
        (["--map", "customer"], "--map customer: expected OURS=YOURS"),
        (["--encoding", "utf-9"], "set --encoding to utf-8"),
        (["--timezone", "Mars"], '--timezone: "Mars" is no IANA time zone'),
    ],
)
def test_what_cannot_be_read_or_named_so_is_refused_and_nothing_is_written(
    project: Path, words: list[str], refusal: str
) -> None:
    said = init("clicks.csv", *words)
    assert said.exit_code == 1
    with pytest.raises(type(said.exception), match=refusal):
        raise said.exception
    assert sorted(path.name for path in (project / "params").iterdir()) == ["base.yaml", "local.yaml"]


def test_a_params_file_is_never_written_over(project: Path) -> None:
    assert init("clicks.csv").exit_code == 0
    again = init("clicks.csv")
    assert "params/clicks.yaml is there already: give another --name, or remove it first" in str(again.exception)


def test_too_little_data_is_told_once_the_file_is_there_to_go_on_with(project: Path) -> None:
    lines = (project / "clicks.csv").read_text().splitlines()[:500]
    (project / "clicks.csv").write_text("\n".join(lines))
    said = init("clicks.csv")
    assert "499 interactions, Personalize needs at least 1,000" in str(said.exception)
    assert (project / "params" / "clicks.yaml").is_file()


def test_tables_of_items_and_users_are_read_with_what_else_they_say(project: Path) -> None:
    (project / "products.csv").write_text("id,brand\n" + "\n".join(f"{item},b{item % 3}" for item in range(40)))
    (project / "people.csv").write_text("id,age\n" + "\n".join(f"c{user},{20 + user}" for user in range(60)))
    said = init("clicks.csv", "--items", "products.csv", "--users", "people.csv")
    assert said.exit_code == 0, said.exception
    chosen = params.load("params/clicks.yaml")[0].data
    assert (chosen.items_file, chosen.item_metadata) == ("products.csv", {"BRAND": "categorical"})
    assert (chosen.users_file, chosen.user_metadata) == ("people.csv", {"AGE": "numeric"})
    assert chosen.column_mapping["ITEM_ID"] == ["sku", "id"]
