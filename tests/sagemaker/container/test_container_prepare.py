"""`prepare`: raw files in, a clean table and a report of what was done out."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from recsys.columns import INTERACTION_COLUMNS
from recsys.data import tables
from recsys.sagemaker.container import prepare

RAW = pd.DataFrame(
    {
        "customer": ["u2", "u1", "u1", "", "u3"],
        "product": ["i1", "i1", "i1", "i2", "i3"],
        "time": ["2026-01-02 00:00:00", "2026-01-01 00:00:00", "2026-01-01 00:00:00", "2026-01-03", "2026-01-04"],
    }
)
MAPPED = ["--map", "USER_ID=customer", "--map", "ITEM_ID=product", "--map", "TIMESTAMP=time"]
OURS = pd.DataFrame({"USER_ID": ["u9"], "ITEM_ID": ["i9"], "TIMESTAMP": [1_700_000_000], "EVENT_TYPE": ["Purchase"]})

Prepare = Callable[..., tuple[int, str]]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "processing" / "input").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def run(base: Path, monkeypatch, capfd) -> Prepare:
    """run("--map", ...): exit code and last line printed."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
        try:
            prepare.main(list(arguments))
            code = 0
        except SystemExit as ended:
            code = ended.code
        out, errors = capfd.readouterr()
        return code, (out + errors).splitlines()[-1]

    return run


def test_raw_files_become_a_clean_table_in_time_order_and_a_report(base, run):
    RAW.to_csv(base / "processing" / "input" / "shop.csv", index=False)
    OURS.set_axis(["customer", "product", "time", "EVENT_TYPE"], axis=1).to_parquet(
        base / "processing" / "input" / "more.parquet"
    )
    assert run(*MAPPED)[0] == 0
    output = base / "processing" / "output"
    found = tables.read_table(output / "interactions" / "interactions.csv", INTERACTION_COLUMNS)
    assert found["USER_ID"].tolist() == ["u9", "u1", "u2", "u3"]
    assert found["EVENT_TYPE"].tolist() == ["purchase", "view", "view", "view"]
    report = json.loads((output / "report" / "report.json").read_text())
    removed = {each["problem"]: each["removed"] for each in report["problems"] if each["removed"]}
    assert (report["rows"], report["kept"], removed) == (6, 4, {"no user": 1, "exact duplicate": 1})
    assert "shop.csv: time read as ISO 8601 text, taken as UTC" in report["notes"]


def test_users_with_too_many_events_can_be_left_out(base, run):
    pd.concat([OURS, OURS.assign(TIMESTAMP=1_700_000_001), OURS.assign(USER_ID="u1")]).to_csv(
        base / "processing" / "input" / "a.csv", index=False
    )
    assert run("--max-events-per-user", "1")[0] == 0
    table = base / "processing" / "output" / "interactions" / "interactions.csv"
    assert tables.read_table(table, INTERACTION_COLUMNS)["USER_ID"].tolist() == ["u1"]


@pytest.mark.parametrize(
    "table, arguments, told",
    [
        (None, [], "/processing/input has no file that ends in .csv or .parquet"),
        (RAW, [], "there are customer, product, time; name yours in --map"),
        (RAW, ["--map", "USER_ID"], '--map "USER_ID": write it as USER_ID=customer'),
        (RAW, ["--map", "USER=customer"], "--map: 'USER' is no column of ours; did you mean \"USER_ID\"?"),
        (OURS.assign(USER_ID=""), [], "nothing is left of 1 interactions: no user 1"),
    ],
)
def test_what_cannot_be_prepared_is_told_in_a_sentence(base, run, table, arguments, told):
    if table is not None:
        table.to_csv(base / "processing" / "input" / "a.csv", index=False)
    code, last = run(*arguments)
    assert code == 1 and told in last
    assert (base / "output" / "message").read_text() == last
    assert not (base / "processing" / "output").exists()
