import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

import pytest
import yaml

from recsys import files, params, timezones
from recsys.errors import ParamsError


def test_later_layers_win_and_are_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("training: {seed: 1}\nserving: {num_results: 6}\nstream: {shard_count: 2}\n")
    environment = {"RECSYS__TRAINING__SEED": "2", "RECSYS__SERVING__NUM_RESULTS": "7"}
    values, origin = params.load(
        file, settings=["training.seed=3"], cell={"replay_users": 9}, cell_name="04.ipynb", environment=environment
    )
    assert (values.training.seed, values.serving.num_results, values.stream.shard_count) == (3, 7, 2)
    assert origin["training.seed"] == "--set"
    assert origin["serving.num_results"] == "environment RECSYS__SERVING__NUM_RESULTS"
    assert origin["stream.shard_count"] == str(file)
    assert origin["stream.replay_users"] == "04.ipynb"
    assert origin["aws.region"] == "params/base.yaml"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("training.recipie=x", 'unknown parameter "training.recipie" (= \'x\'); did you mean "recipe"?'),
        ("trainin.seed=1", 'unknown section "trainin"; did you mean "training"?'),
        ("aws.recipe=x", '"recipe" belongs to section "training"'),
        ("training.recipe=aws-user-personalisation", 'did you mean "aws-user-personalization"?'),
        ("training.seed=-1", "training.seed = -1: Input should be greater than or equal to 0"),
        ("training.seed=many", "training.seed = 'many': Input should be a valid integer"),
        ("aws.region=Virginia", "aws.region = 'Virginia': must be a region, such as eu-central-1"),
        ("aws.environment_suffix=My_Shop", "must be lower-case letters and digits, with single hyphens between them"),
        ("dataset.dataset_group=my shop", "must be letters, digits, hyphens and underscores"),
        ("serving.purchase_events=['a\"b']", "an event type has one character at least, and no double quote"),
        ("data.timezone=Berlin", 'is no IANA time zone; did you mean "Europe/Berlin"?'),
        ("seed", "expected section.name=value"),
        ("retraining.retrain_schedule=weekly", "retraining.retrain_schedule = 'weekly': is no schedule of EventBridge"),
        ("aws.endpoint=http://127.0.0.1:99999", "'http://127.0.0.1:99999': is no address, such as http://"),
        ("aws.endpoint=http://127.0.0.1:abc", "aws.endpoint = 'http://127.0.0.1:abc': is no address"),
        ("aws.endpoint=http://", "aws.endpoint = 'http://': is no address"),
        ("aws.owner=R&D", "aws.owner = 'R&D'"),
        ("api.allowed_origin=https://shop.example/path", "api.allowed_origin = 'https://shop.example/path'"),
        ("sagemaker.endpoint_name=our_endpoint", "sagemaker.endpoint_name = 'our_endpoint'"),
        ("sagemaker.endpoint_name=Ours", "sagemaker.endpoint_name = 'Ours'"),
        ("sagemaker.model_package_group=our_models", "sagemaker.model_package_group = 'our_models'"),
        (
            "sagemaker.endpoint_instances=5",
            "sagemaker.endpoint_instances is more than sagemaker.endpoint_most_instances",
        ),
        (f"dataset.dataset_group={'g' * 47}", "makes a name of 64 characters"),
    ],
)
def test_a_wrong_parameter_names_origin_key_value_and_remedy(setting: str, said: str) -> None:
    with pytest.raises(ParamsError, match="--set") as refusal:
        params.load(settings=[setting], environment={})
    assert said in str(refusal.value)


def test_utc_needs_no_zone_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ZoneInfoNotFoundError(name)

    monkeypatch.setattr(timezones, "ZoneInfo", missing)
    assert params.load(environment={})[0].data.timezone == "UTC"
    with pytest.raises(ParamsError, match="is no IANA time zone"):
        params.load(settings=["data.timezone=Asia/Tokyo"], environment={})


@pytest.mark.parametrize(
    "schedule",
    [
        "rate(1 day)",
        "rate(12 hours)",
        "cron(0 4 ? * SUN *)",
        "cron(0/15 4 1,15 * ? *)",
        "cron(0 4 L * ? *)",
        "cron(0 4 ? JAN-MAR MON-FRI 2026-2030)",
        "cron(0 4 ? * 6#3 *)",
    ],
)
def test_a_schedule_that_eventbridge_takes_is_taken(schedule: str) -> None:
    assert params.load(settings=[f"retraining.retrain_schedule={schedule}"], environment={})


@pytest.mark.parametrize(
    "schedule",
    [
        "rate(1 days)",
        "rate(7 day)",
        "cron(0 4 * * * *)",
        "cron(0 4 ? * ? *)",
        "cron(0 4 1 * SUN *)",
        "cron(0 4 ? * SUN/0 *)",
        "cron(0 4 ? * A-B *)",
        "cron(60 4 ? * SUN *)",
        "cron(0 4 ? * SUN)",
    ],
)
def test_a_schedule_that_eventbridge_would_refuse_is_refused(schedule: str) -> None:
    with pytest.raises(ParamsError, match="is no schedule of EventBridge"):
        params.load(settings=[f"retraining.retrain_schedule={schedule}"], environment={})


@pytest.mark.parametrize("text", ["1: {seed: 3}", "on: {seed: 3}", "training: {1: 3}"])
def test_a_key_that_yaml_reads_as_no_text_is_unknown_all_the_same(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(ParamsError, match=r"odd.yaml: unknown"):
        params.load(tmp_path / "odd.yaml", environment={})


@pytest.mark.parametrize(
    ("text", "said"),
    [("[1]", "must hold sections such as `training:`, not [1]"), ("training: 3", 'section "training" must hold name')],
)
def test_a_file_without_sections_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "flat.yaml").write_text(text)
    with pytest.raises(ParamsError, match=re.escape(said)):
        params.load(tmp_path / "flat.yaml", environment={})


def test_an_environment_variable_names_section_and_parameter_and_holds_yaml() -> None:
    with pytest.raises(ParamsError, match=r"RECSYS__SEED: expected RECSYS__SECTION__NAME, such as"):
        params.load(environment={"RECSYS__SEED": "1"})
    with pytest.raises(ParamsError, match=r"RECSYS__TRAINING__SEED: '\[' is not readable as a YAML value; quote it"):
        params.load(environment={"RECSYS__TRAINING__SEED": "["})


def test_either_the_schedule_trains_anew_or_personalize_by_itself() -> None:
    settings = ["retraining.retrain_schedule=cron(0 4 ? * SUN *)", "training.perform_auto_training=true"]
    with pytest.raises(ParamsError, match=r"both would train and be billed; set retraining.retrain_schedule to null"):
        params.load(settings=settings, environment={})


def test_a_missing_file_names_those_there_are() -> None:
    with pytest.raises(ParamsError, match=r"params/none.yaml: no such params file; there are .*params/aws.yaml"):
        params.load("params/none.yaml")


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("training: [1,\n")
    with pytest.raises(ParamsError, match=r"bad.yaml: not readable as YAML"):
        params.load(tmp_path / "bad.yaml")


def test_yaml_that_reads_as_text_still_becomes_a_number(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text("data: {test_share: 1e-1}\n")
    assert params.load(tmp_path / "small.yaml", environment={})[0].data.test_share == pytest.approx(0.1)


def test_parameters_are_frozen() -> None:
    values, _ = params.load(environment={})
    with pytest.raises(ValueError, match="frozen"):
        values.training.seed = 1  # type: ignore[misc]


def test_base_holds_every_parameter_and_each_has_a_comment() -> None:
    text = (files.root() / "params" / "base.yaml").read_text()
    base = yaml.safe_load(text)
    assert base.keys() == params.Params.model_fields.keys()
    for section in base:
        assert base[section].keys() == params.fields_of(section).keys()
        for name in base[section]:
            line = next(line for line in text.splitlines() if line.startswith(f"  {name}:"))
            assert " # " in line, f"{name} has no comment"


def test_a_bare_name_belongs_to_one_section() -> None:
    names = [name for section in params.Params.model_fields for name in params.fields_of(section)]
    assert len(names) == len(set(names))


def test_every_params_file_loads() -> None:
    for file in (files.root() / "params").glob("*.yaml"):
        params.load(file, environment={})


def test_outside_the_project_the_error_says_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match="cd to the project's root"):
        params.load()


def test_names_are_unique_to_the_environment() -> None:
    values, _ = params.load(settings=["aws.environment_suffix=blue"], environment={})
    assert values.named("recommendations") == "recommendations-blue"


def test_what_is_tagged_says_whose_it_is_and_until_when() -> None:
    values, _ = params.load(settings=["aws.environment_suffix=blue", "aws.owner=ana"], environment={})
    tags = {"project": "recsys", "stage": "blue", "region": "us-east-1", "run": "r1", "owner": "ana", "expiry": "never"}
    assert values.tags("r1") == tags


def test_an_environment_with_an_end_is_tagged_with_its_day() -> None:
    values, _ = params.load(settings=["aws.expires_days=14"], environment={})
    assert values.tags("r1")["expiry"] == str(datetime.now(UTC).date() + timedelta(days=14))


def test_advice_names_the_params_file_that_the_process_works_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsys.params.commands._current", [])
    assert params.command("recsys deploy 'Schedule=rate(1 day)'") == "recsys deploy 'Schedule=rate(1 day)'"
    params.work_on(params.load("params/aws.yaml", settings=["aws.environment_suffix=blue"], environment={})[0])
    expected = "recsys destroy --params params/aws.yaml --set aws.environment_suffix=blue"
    assert params.command("recsys destroy") == expected


def test_what_is_read_is_noted_through_the_parameters_own_methods_too() -> None:
    values, _ = params.load(settings=["aws.environment_suffix=blue", "training.seed=8"], environment={})
    noted = params.ReadTracker(values)
    assert (noted.stack_name, noted.value("seed")) == ("recsys-blue", 8)
    assert noted.read == {"aws.environment_suffix": "blue", "training.seed": 8}
    assert noted.serving.model_dump() == values.serving.model_dump()  # a section taken whole
    assert {"serving.campaign", "serving.num_results"} < noted.read.keys()


@pytest.mark.parametrize("name", ["servings", "model_dump"])
def test_what_is_noted_has_nothing_but_parameters(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(params.ReadTracker(params.load(environment={})[0]), name)


def test_a_notebook_names_a_command_to_be_pasted_and_no_result_depends_on_it() -> None:
    noted = params.ReadTracker(params.load("params/aws.yaml", environment={})[0])
    assert noted.command("recsys destroy") == "recsys destroy --params params/aws.yaml"
    assert noted.read == {}


def test_what_means_bought_is_lower_case_as_the_datas_event_types_are() -> None:
    values, _ = params.load(settings=["serving.purchase_events=[Bestellung, ' Kauf ']"], environment={})
    assert values.serving.purchase_events == ["bestellung", "kauf"]


def test_a_variable_with_single_underscores_is_refused_and_not_passed_over() -> None:
    with pytest.raises(ParamsError, match="environment RECSYS_TRAINING_SEED: expected RECSYS__SECTION__NAME"):
        params.load(environment={"RECSYS_TRAINING_SEED": "3"})
    assert params.load(environment={"RECSYS_RUN_ID": "7"})
