import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from shell import recsys
from typer.testing import CliRunner

from recsys import params
from recsys.cli import app, main
from recsys.cli.connection import connect, stop_command
from recsys.errors import ParamsError


def walk(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, child in getattr(command, "commands", {}).items():
        yield from walk(child, (*words, name))


COMMANDS = dict(walk(typer.main.get_command(app)))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_that_ends_in_an_example(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"])
    assert shown.exit_code == 0
    assert COMMANDS[words].help
    last = shown.output.strip().splitlines()[-1].strip()
    assert last.startswith("Example: ")
    assert " ".join(("recsys", *words)) in last


@pytest.mark.parametrize("words", [words for words in COMMANDS if words], ids=" ".join)
def test_every_example_parses(words: tuple[str, ...]) -> None:
    command = COMMANDS[words]
    if getattr(command, "commands", None):
        return
    example = command.epilog.removeprefix("Example: ").replace('eval "$(', "").split(')"')[0]
    arguments = example.split()[1 + len(words) :]
    command.make_context(" ".join(words), arguments, resilient_parsing=False)


def test_an_error_is_one_line_and_a_failing_exit() -> None:
    for command in ([Path(sys.executable).with_name("recsys")], [sys.executable, "-m", "recsys"]):
        done = subprocess.run(
            [*command, "params", "check", "--set", "training.recipie=x"], capture_output=True, text=True
        )
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith('error: --set: unknown parameter "training.recipie"')


def test_the_exports_lead_past_a_proxy() -> None:
    done = recsys("local", "env", "--port", "4566", "--json", no_proxy="shop.example, 10.0.0.1")
    said = json.loads(done.stdout)
    assert said["no_proxy"] == said["NO_PROXY"] == "shop.example,10.0.0.1,127.0.0.1,localhost,::1"


def test_debug_shows_the_traceback() -> None:
    with pytest.raises(ParamsError, match="unknown section"):  # which Python then shows
        recsys("params", "check", "--set", "a.b=1", "--debug")


def test_params_check_names_the_origin_of_each_value() -> None:
    done = recsys("params", "check", "--json", RECSYS__TRAINING__SEED="11")
    rows = {row["parameter"]: row for row in json.loads(done.stdout)}
    assert rows["training.seed"] == {
        "parameter": "training.seed",
        "value": 11,
        "from": "environment RECSYS__TRAINING__SEED",
    }
    assert rows["aws.endpoint"]["from"] == "params/local.yaml"


def test_without_an_endpoint_a_command_says_how_to_start_one(free_port: int) -> None:
    done = recsys("status", "--set", f"aws.endpoint=http://127.0.0.1:{free_port}")
    assert done.returncode == 1
    address = f"http://127.0.0.1:{free_port}"
    assert f"nothing answers at {address}; start it with: recsys local up --port {free_port}" in done.stderr


def test_the_status_of_the_embedded_aws_is_for_people(embedded: Any) -> None:
    shown = CliRunner().invoke(app, ["local", "status", "--state", str(embedded.state)]).output
    assert re.search(r"^started +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC", shown, flags=re.MULTILINE), shown
    assert re.search("^personalize account +000000000000", shown, flags=re.MULTILINE)
    assert "{" not in shown


def test_a_run_takes_the_embedded_aws_that_answers_where_the_params_say(embedded: Any, capsys: Any) -> None:
    values, _ = params.load(settings=[f"aws.endpoint={embedded.endpoint}"], environment={})
    connect(values, start_it=True)
    told = " ".join(capsys.readouterr().out.split())
    assert f"{embedded.endpoint} answers already: the embedded AWS of {embedded.state}" in told
    assert stop_command(values) == f"recsys local down --state {embedded.state}"


def test_the_way_to_stop_a_server_names_its_state(embedded: Any) -> None:
    port = embedded.endpoint.rsplit(":", 1)[1]
    said = CliRunner().invoke(app, ["local", "up", "--port", port, "--state", str(embedded.state)]).output
    assert f"recsys local down --state {embedded.state}" in " ".join(said.split())


def test_data_check_says_what_is_wrong_what_is_there_and_that_it_is_enough(tmp_path: Path) -> None:
    rows = [f"c{row % 60},{row % 40},{1_709_210_096 + row}" for row in range(1_200)]
    file = tmp_path / "shop.csv"
    file.write_text("\n".join(["who,what,when", *rows, rows[0]]))
    maps = [f"--map={ours}" for ours in ("USER_ID=who", "ITEM_ID=what", "TIMESTAMP=when")]
    said = CliRunner().invoke(app, ["data", "check", str(file), *maps]).output
    for line in (
        r"1,201 raw interactions, 1,200 kept",
        r" 0\.\d\d%  exact duplicate",
        r"note: when read as epoch seconds",
    ):
        assert re.search(line, said), said
    assert re.search(r"^users +60, 60 of them active\s*$", said, flags=re.MULTILINE)
    assert "event types: view 1,200" in said and "enough to train on" in said
    told = json.loads(CliRunner().invoke(app, ["data", "check", str(file), *maps, "--json"]).output)
    assert told["kept"] == 1_200 and told["facts"]["interactions"] == "1,200" and told["problems"]


def test_data_check_reads_what_a_params_file_names_as_it_says(tmp_path: Path) -> None:
    rows = [f"c{row % 60},{row % 40},{1_709_210_096 + row},Commande passée" for row in range(1_200)]
    (tmp_path / "shop.csv").write_text("\n".join(["who,what,when,did", *rows]), encoding="cp1252")
    (tmp_path / "items.csv").write_text("what,name\n0,Café\n", encoding="cp1252")
    mapping = "{USER_ID: who, ITEM_ID: what, TIMESTAMP: when, EVENT_TYPE: did, TITLE: name}"
    data = f"source: file, data_file: {tmp_path}/shop.csv, items_file: {tmp_path}/items.csv"
    file = tmp_path / "shop.yaml"
    file.write_text(
        f"data: {{{data}, column_mapping: {mapping}, encoding: cp1252}}\n"
        "serving: {purchase_events: [commande passée]}\n"
    )
    told = json.loads(CliRunner().invoke(app, ["data", "check", "--params", str(file), "--json"]).output)
    untold = "no column CATEGORY, PRICE, COUNTRY: data.items_file and data.users_file can add them"
    assert told["notes"] == ["when read as epoch seconds", untold, "event types: commande passée 1,200"]
    assert {each["problem"]: each["rows"] for each in told["problems"]}["TITLE missing"] == 39


def own_file(tmp_path: Path, events: int, users: int, items: int = 40) -> str:
    rows = [f"c{row % users},{row % items},{1_709_210_096 + row}" for row in range(events)]
    (tmp_path / "shop.csv").write_text("\n".join(["USER_ID,ITEM_ID,TIMESTAMP", *rows]))
    return str(tmp_path / "shop.csv")


@pytest.mark.parametrize(
    ("events", "users", "settings", "refusal"),
    [
        (1_080, 60, [], r"without the 108 newest held back \(data\.test_share = 0\.1\): 972 interactions"),
        (1_080, 30, ["data.test_share=0.05"], ""),
        (1_200, 1_000, [], "no user has 2 held-back events to replay: raise data.test_share"),
        (1_200, 60, ["training.event_type=buy"], r"of the event type buy \(training\.event_type\): 0 interactions"),
    ],
)
def test_data_check_refuses_what_a_run_would(
    tmp_path: Path, events: int, users: int, settings: list[str], refusal: str
) -> None:
    words = ["data", "check", own_file(tmp_path, events, users), *(f"--set={each}" for each in settings)]
    result = CliRunner().invoke(app, words)
    assert "raw interactions" in result.output
    if refusal:
        assert re.search(refusal, str(result.exception)) and "enough to train on" not in result.output
    else:
        assert "enough to train on" in result.output


def test_data_check_says_that_fewer_clicks_are_replayed_than_asked_for(tmp_path: Path) -> None:
    said = " ".join(CliRunner().invoke(app, ["data", "check", own_file(tmp_path, 1_200, 60)]).output.split())
    assert "no user has 6 held-back events (stream.replay_events): 2 to 2 of each are replayed" in said
    assert "60 users have 2 or more held-back events: half of them, 30, and not 40 (stream.replay_users)" in said


def test_data_check_tells_whoever_maps_on_the_command_line_how_to_go_on_there(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["data", "check", own_file(tmp_path, 1_200, 60), "--map=USER_ID=customer"])
    assert "name yours in --map" in str(refused.exception) and "column_mapping" not in str(refused.exception)


def test_data_check_tells_whoever_maps_in_a_params_file_what_is_wrong_there(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    shop = own_file(tmp_path, 1_200, 60)
    file.write_text(f"data: {{source: file, data_file: {shop}, column_mapping: {{USER_ID: customer}}}}\n")
    refused = CliRunner().invoke(app, ["data", "check", "--params", str(file)])
    assert "name yours in data.column_mapping" in str(refused.exception) and "--map" not in str(refused.exception)


def test_data_check_takes_a_time_zone(tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    rows = [f"c{row % 60},{row % 40},2024-05-{row // 60 + 1:02d} 01:00:{row % 60:02d}" for row in range(1_200)]
    file.write_text("\n".join(["USER_ID,ITEM_ID,TIMESTAMP", *rows]))
    result = CliRunner().invoke(app, ["data", "check", str(file), "--timezone", "Asia/Tokyo", "--json"])
    told = json.JSONDecoder().raw_decode(result.output)[0]
    assert told["facts"]["first event"] == "2024-04-30"
    assert "TIMESTAMP read as ISO 8601 text, taken as Asia/Tokyo" in told["notes"]


def test_without_credentials_aws_is_not_tried(tmp_path: Path) -> None:
    bare = {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "HOME": str(tmp_path),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    done = recsys("run", "--params", "params/aws.yaml", "--set", f"run.runs_folder={tmp_path}", **bare)
    assert done.returncode == 1
    assert "AWS credentials are missing" in done.stderr
    assert list(tmp_path.glob("*/manifest.json")) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["destroy"], "nothing is left to destroy"),
        (["cost", "--standing"], "nothing stands that is billed by the hour"),
    ],
)
def test_who_finds_nothing_is_told_where_it_was_looked_for(embedded: Any, words: list[str], said: str) -> None:
    settings = [f"--set=aws.endpoint={embedded.endpoint}", "--set=aws.environment_suffix=nobody"]
    shown = CliRunner().invoke(app, [*words, *settings]).output
    assert shown == f"{said} at {embedded.endpoint}, region us-east-1, environment nobody\n"


def test_a_template_parameter_that_cannot_be_is_refused_by_the_name_that_was_typed() -> None:
    refused = CliRunner().invoke(app, ["deploy", "ShardCount=abc", "--yes"]).exception
    assert str(refused).startswith("ShardCount = 'abc': Input should be a valid integer")


def test_a_notebook_that_is_none_is_refused_before_anything_starts() -> None:
    done = recsys("run", "--only", "zz", RECSYS__AWS__ENDPOINT="http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (1, "")
    assert '"zz" matches 0 notebooks; there are 01_data_prep' in done.stderr


def test_a_dry_run_of_a_part_is_refused_and_not_told_as_a_whole() -> None:
    for part in (("--only", "03"), ("--from", "05")):
        done = recsys("run", "--dry-run", *part)
        assert done.returncode == 1
        assert "leave out --from and --only" in done.stderr


def test_what_ctrl_c_ends_says_so_and_how_it_goes_on(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["recsys", "params", "check"])
    monkeypatch.setattr(params, "load", interrupted)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130
    assert capsys.readouterr().err == "interrupted; the same command again goes on from what is done\n"


def test_on_aws_the_end_says_that_the_image_stays_and_how_to_remove_it(monkeypatch: Any) -> None:
    monkeypatch.setattr("recsys.cli.stack.connect", lambda values: None)
    monkeypatch.setattr("recsys.deploy.cleanup.find", lambda **names: ["a bucket"])
    monkeypatch.setattr("recsys.deploy.cleanup.destroy", lambda **names: [])
    monkeypatch.setattr("recsys.aws.region", lambda: "eu-central-1")
    said = CliRunner().invoke(app, ["destroy", "--yes", "--set", "aws.endpoint=null"]).output
    assert "aws ecr delete-repository --force --region eu-central-1 --repository-name recsys" in said
    said = CliRunner().invoke(app, ["destroy", "--yes", "--set", "aws.endpoint=http://127.0.0.1:4566"]).output
    assert "ecr" not in said
