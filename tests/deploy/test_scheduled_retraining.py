"""A retraining by the schedule, on an embedded AWS of its own whose clock the tests set."""

import json
import os
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import ports
import privileges
import pytest
from policies import policies
from typer.testing import CliRunner, Result
from waiting import eventually

from recsys import aws, deploy, operate, params, serve, stream, train
from recsys.cli import app
from recsys.deploy import cleanup
from recsys.errors import AwsError, Refused
from recsys.local import launcher

SUFFIX = "anew"
STACK, GROUP, TAGS = f"recsys-{SUFFIX}", f"shop-{SUFFIX}", {"project": "recsys"}
ITEMS, STEPS = 40, 20
SUNDAYS_AT_FOUR = "cron(0 4 ? * SUN *)"


@dataclass(frozen=True)
class Shop:
    """Outputs of the stack, and the ARNs of what is retrained."""

    endpoint: str
    outputs: dict[str, str]
    solution: str
    queue: str

    @property
    def campaign(self) -> dict[str, Any]:
        return serve.campaigns.describe(self.outputs["CampaignArn"])

    def incoming(self, name: str, table: pd.DataFrame) -> None:
        """Put a file where the next retraining finds it."""
        key, body = f"tables/incoming/interactions/{name}.csv", table.to_csv(index=False)
        aws.client("s3").put_object(Bucket=self.outputs["BucketName"], Key=key, Body=body)

    def set_clock(self, moment: datetime) -> None:
        body = json.dumps({"at": moment.isoformat()}).encode()
        urllib.request.urlopen(f"{self.endpoint}/_recsys/clock", data=body).close()

    def begin(self) -> None:
        """Retrain now."""
        aws.client("stepfunctions").start_execution(stateMachineArn=machine())

    def told(self) -> dict[str, Any]:
        """What a retraining said at its end, waited for; each is told once."""
        return json.loads(self.notice()["Message"])

    def notice(self) -> dict[str, Any]:
        """The same with its subject, as the topic was told."""
        return eventually(self._notice)

    def _notice(self) -> dict[str, Any] | None:
        sqs = aws.client("sqs")
        for message in sqs.receive_message(QueueUrl=self.queue).get("Messages", []):
            sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            notice = json.loads(message["Body"])
            if notice["Subject"].startswith(f"Retraining of recsys-{SUFFIX}: "):
                return notice
        return None


def machine() -> str:
    machines = aws.client("stepfunctions").list_state_machines()["stateMachines"]
    return next(each["stateMachineArn"] for each in machines if each["name"] == f"recsys-retraining-{SUFFIX}")


def executions() -> list[dict[str, Any]]:
    return aws.client("stepfunctions").list_executions(stateMachineArn=machine())["executions"]


def walks(users: int, habit: float, name: str) -> pd.DataFrame:
    """Users who go on to the next item with probability `habit`, else to any."""
    rng = np.random.default_rng(users)
    rows = []
    for user in range(users):
        item = int(rng.integers(ITEMS))
        for step in range(STEPS):
            rows.append((f"{name}-{user}", f"i{item}", 1_700_000_000 + user + 1000 * step, "view"))
            item = (item + 1) % ITEMS if rng.random() < habit else int(rng.integers(ITEMS))
    return pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"])


def item_table() -> pd.DataFrame:
    names = [f"i{number}" for number in range(ITEMS)]
    return pd.DataFrame({"ITEM_ID": names, "CATEGORY": "c", "PRICE": 1.0, "CREATION_TIMESTAMP": 1, "TITLE": names})


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An embedded AWS of these tests' own: its clock is set ahead, and its state machines wait a twentieth as long."""
    state, before = tmp_path_factory.mktemp("anew"), dict(os.environ)
    os.environ["SFN_WAIT_SCALE"] = "0.05"
    try:
        started = launcher.up(ports.free_port(), state)
        aws.connect("us-east-1", started.endpoint)
        yield started.endpoint
    finally:
        launcher.reset(state)
        os.environ.clear()
        os.environ.update(before)
        aws.client.cache_clear()


@pytest.fixture(scope="module")
def shop(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A campaign trained on habits that are hard to see, and the stack with a schedule."""
    outputs = deploy.deploy(STACK, {"EnvironmentSuffix": SUFFIX}, TAGS)
    group = train.ensure_dataset_group(GROUP, TAGS)
    tables = {"Interactions": walks(60, 0.4, "first"), "Items": item_table()}
    imported(group, tables, outputs, tmp_path_factory.mktemp("tables"))
    solution = train.ensure_solution(group, f"main-{SUFFIX}", "aws-user-personalization-v2", TAGS)
    version = train.begin_training(solution, TAGS)
    train.await_training(version)
    campaign = serve.ensure_campaign(f"main-{SUFFIX}", version, 1, TAGS, metadata=True)["campaignArn"]
    _, tracking_id = stream.tracker(group, f"clicks-{SUFFIX}", TAGS)
    arns = {"TrackingId": tracking_id, "CampaignArn": campaign, "SolutionVersionArn": version}
    outputs = deploy.deploy(STACK, {**arns, "RetrainingSchedule": SUNDAYS_AT_FOUR}, TAGS)
    yield Shop(endpoint, outputs, solution, subscribed(outputs["AlarmTopicArn"]))
    assert cleanup.destroy(GROUP, STACK) == []


def imported(group: str, tables: dict[str, pd.DataFrame], outputs: dict[str, str], folder: Path) -> None:
    for kind, table in tables.items():
        name = f"shop-{kind.lower()}-{SUFFIX}"
        schema = train.ensure_schema(name, train.schema(kind, list(table.columns)))
        dataset = train.ensure_dataset(group, kind, name, schema, TAGS)
        table.to_csv(folder / f"{kind}.csv", index=False)
        address = train.upload(outputs["BucketName"], folder / f"{kind}.csv", "tables")
        train.import_table(dataset, address, outputs["RoleArn"], "FULL", TAGS)


def subscribed(topic: str) -> str:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="retrainings-are-told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url


def test_a_better_model_goes_live_by_the_schedule_without_a_failed_request(shop: Shop) -> None:
    before = shop.campaign["solutionVersionArn"]
    shop.incoming("better", walks(100, 0.95, "better"))
    sunday = next_sunday_at_four()
    with deploy.requests_meanwhile(shop.outputs["ApiUrl"], ["first-1"], 5) as answers:
        shop.set_clock(sunday - timedelta(seconds=30))
        assert executions() == []
        shop.set_clock(sunday)
        assert [each["status"] for each in executions()] == ["RUNNING"]
        told = shop.told()
        enough = len(answers.rows) + 10
        eventually(lambda: len(answers.rows) >= enough)
    assert told["outcome"] == "live", told
    assert told["newValue"] > told["servingValue"] > 0
    assert (told["servingVersionArn"], told["newVersionArn"]) == (before, shop.campaign["solutionVersionArn"])
    assert set(answers.table()[["status", "source"]].itertuples(index=False, name=None)) == {(200, "campaign")}
    serving = {"ServingVersionArn": told["newVersionArn"], "RetrainedVersionArn": told["newVersionArn"]}
    assert operate.version_tags(told) == serving
    measured = operate.offline_metrics(told).set_index("metric").loc["NDCG@10"]
    assert (measured["before"], measured["after"]) == (told["servingValue"], told["newValue"])


def next_sunday_at_four() -> datetime:
    """Today where it is Sunday and not yet four: to set the clock past that would begin a retraining too."""
    now = datetime.now(UTC)
    sunday = now + timedelta(days=6 - now.weekday())
    four = sunday.replace(hour=4, minute=0, second=0, microsecond=0)
    return four if four - timedelta(minutes=1) > now else four + timedelta(days=7)


def test_its_steps_follow_each_other_from_its_begin_to_its_end(shop: Shop) -> None:
    (execution,) = executions()
    steps = operate.steps(execution["executionArn"])
    assert list(steps["step"]) == ["look", "export", "import", "train", "compare", "update", "tell"]
    assert (steps["start"] + steps["seconds"])[:-1].to_list() == pytest.approx(steps["start"][1:].to_list())
    whole = (execution["stopDate"] - execution["startDate"]).total_seconds()
    assert steps["seconds"].sum() == pytest.approx(whole, abs=0.5)
    assert steps["states"].min() >= 3 and steps["seconds"].min() >= 0


def test_it_left_an_archive_of_events_and_an_api_that_names_no_version_it_does_not_know(shop: Shop) -> None:
    listed = aws.client("s3").list_objects_v2(Bucket=shop.outputs["BucketName"], Prefix="output/events/")["Contents"]
    assert [each["Key"].endswith("/interactions.csv") for each in listed] == [True]
    assert deploy.get(f"{shop.outputs['ApiUrl']}/health")[1]["solutionVersionArn"] is None


def test_a_spoiled_model_is_refused_and_nobody_else_may_retrain_meanwhile(shop: Shop) -> None:
    before = shop.campaign["solutionVersionArn"]
    shop.incoming("spoiled", walks(250, 0.0, "spoiled"))
    shop.begin()
    eventually(lambda: len(incoming_jobs()) == 2)
    shop.begin()
    second, first = shop.told(), shop.told()
    assert (second["outcome"], first["outcome"]) == ("refused", "refused")
    assert second["reason"] == f"another retraining is at work: {first['executionArn']}"
    assert first["reason"].startswith(f"{first['metric']} fell from {round(first['servingValue'], 4)} to ")
    assert first["newValue"] < 0.95 * first["servingValue"]
    assert shop.campaign["solutionVersionArn"] == before
    assert operate.version_tags(first) == {"ServingVersionArn": before, "RetrainedVersionArn": first["newVersionArn"]}
    with pytest.raises(AwsError, match="the retraining was refused: another retraining is at work"):
        operate.version_tags(second)
    assert len(incoming_jobs()) == 2  # what the first retraining imported is not imported again


def test_one_under_way_is_gone_on_with_and_a_run_pays_once(shop: Shop) -> None:
    shop.begin()
    followed = operate.retrain(SUFFIX, "cut-off")
    assert followed == shop.told() and len(executions()) == 4
    paid = operate.retrain(SUFFIX, "cut-off")
    assert paid == shop.told() and paid["executionArn"].split(":")[-1].startswith("cut-off-")
    assert operate.retrain(SUFFIX, "cut-off") == paid and len(executions()) == 5


def test_but_no_longer_once_the_campaign_serves_something_else(shop: Shop) -> None:
    other = next(each for each in versions(shop.solution) if each != shop.campaign["solutionVersionArn"])
    arn = shop.outputs["CampaignArn"]
    aws.client("personalize").update_campaign(campaignArn=arn, solutionVersionArn=other)
    eventually(lambda: shop.campaign["solutionVersionArn"] == other)
    anew = operate.retrain(SUFFIX, "cut-off")
    assert anew == shop.told() and anew["servingVersionArn"] == other and len(executions()) == 6


def test_a_solution_that_trains_itself_is_not_trained_besides(shop: Shop) -> None:
    train_by_itself(shop.solution, True)
    ended = by_hand(shop.endpoint)
    train_by_itself(shop.solution, False)
    told = shop.told()
    assert (ended.exit_code, json.loads(ended.stdout)) == (1, told)
    assert (told["outcome"], told["newVersionArn"]) == ("refused", None)
    assert told["reason"] == f"one mode only: {shop.solution} trains by itself (performAutoTraining)"
    assert operate.version_tags(told) == {"ServingVersionArn": shop.campaign["solutionVersionArn"]}
    assert operate.offline_metrics(told).notna().all().to_dict() == {"metric": True, "before": True, "after": False}


def test_what_is_put_live_during_the_training_stays(shop: Shop) -> None:
    before, trained, exported = shop.campaign["solutionVersionArn"], versions(shop.solution), exports()
    other = next(version for version in trained if version != before)
    shop.begin()
    eventually(lambda: exports() > exported)  # it has looked at the campaign
    aws.client("personalize").update_campaign(campaignArn=shop.outputs["CampaignArn"], solutionVersionArn=other)
    told = shop.told()
    assert (told["outcome"], told["newVersionArn"] in {*trained, None}) == ("refused", False)
    assert told["reason"] == f"the campaign serves another version by now, no longer {before}"
    assert told["servingVersionArn"] == shop.campaign["solutionVersionArn"] == other
    assert operate.offline_metrics(told).notna().all().all()


def test_what_is_worse_within_the_tolerance_goes_live_and_says_so(shop: Shop) -> None:
    best = max(versions(shop.solution), key=ndcg)
    aws.client("personalize").update_campaign(campaignArn=shop.outputs["CampaignArn"], solutionVersionArn=best)
    eventually(lambda: shop.campaign["solutionVersionArn"] == best)
    deploy.deploy(STACK, {"RetrainingTolerance": 100}, TAGS)
    shop.begin()
    notice = shop.notice()
    told = json.loads(notice["Message"])
    assert (told["outcome"], told["servingVersionArn"]) == ("live", best)
    lower = f"{100 * (1 - told['newValue'] / told['servingValue']):.1f}".removesuffix(".0") + " % lower"
    assert told["reason"].endswith(f", {lower}, which the tolerance of 100 % lets pass")
    assert notice["Subject"] == f"Retraining of recsys-{SUFFIX}: live, though NDCG@10 is {lower} than before"


def ndcg(version: str) -> float:
    found = aws.client("personalize").get_solution_metrics(solutionVersionArn=version)["metrics"]
    return found["normalized_discounted_cumulative_gain_at_10"]


def test_a_step_that_fails_tells_its_reason_and_what_to_do(shop: Shop) -> None:
    shop.incoming("broken", pd.DataFrame({"USER_ID": ["u"], "ITEM_ID": ["i"]}))
    with pytest.raises(
        Refused, match=r"tables/incoming/interactions/broken.csv is CREATE FAILED: .*missing.*TIMESTAMP"
    ):
        operate.retrain(SUFFIX)
    told = shop.told()
    assert (told["outcome"], told["newVersionArn"]) == ("failed", None)
    assert told["reason"].startswith("Retraining.NotImported: tables/incoming/interactions/broken.csv is CREATE FAILED")
    assert told["reason"].endswith("; mend it, or if it is right put it there under another name")


def test_its_roles_are_refused_nothing_and_granted_nothing_they_do_not_need(shop: Shop) -> None:
    calls = privileges.made_calls(shop.endpoint)
    roles = privileges.roles(aws.client, STACK)
    its = {logical: roles[logical] for logical in ("RetrainingRole", "ScheduleRole")}
    assert [call for call in calls if call["role"] in its.values() and not call["allowed"]] == []
    assert privileges.idle(aws.client, its, calls) == []
    assert privileges.wide(aws.client, its, calls) == []
    names = {"campaign": f"main-{SUFFIX}", "solution": f"main-{SUFFIX}", "role": roles["PersonalizeRole"]}
    assert privileges.granted(aws.client, its) == policies(
        *its, bucket=shop.outputs["BucketName"], suffix=SUFFIX, **names
    )


def test_an_export_is_handed_in_once_and_anew_where_a_full_import_took_it_out(shop: Shop, tmp_path: Path) -> None:
    bucket, dataset = shop.outputs["BucketName"], interactions()
    walks(60, 0.4, "export").to_csv(tmp_path / "export.csv", index=False)
    walks(40, 0.4, "few").to_csv(tmp_path / "few.csv", index=False)
    first = operate.hand_in(bucket, tmp_path / "export.csv", dataset)
    assert operate.hand_in(bucket, tmp_path / "export.csv", dataset) == first
    assert operate.hand_in(bucket, tmp_path / "few.csv", dataset) is None
    address = train.upload(bucket, tmp_path / "export.csv", "tables")
    train.import_table(dataset, address, shop.outputs["RoleArn"], "FULL", TAGS)
    again = operate.hand_in(bucket, tmp_path / "export.csv", dataset)
    assert len({first, again, None}) == 3


def interactions() -> str:
    """The ARN of the interactions dataset."""
    (group,) = aws.client("personalize").list_dataset_groups()["datasetGroups"]
    return group["datasetGroupArn"].replace(":dataset-group/", ":dataset/") + "/INTERACTIONS"


def test_it_follows_its_parameters_and_goes_with_its_schedule(shop: Shop) -> None:
    values, _ = params.load(settings=["retraining.retrain_tolerance=7"])
    deploy.deploy(STACK, deploy.retraining_parameters(values, by_hand=True), TAGS)
    rule = aws.client("events").describe_rule(Name=f"recsys-retraining-{SUFFIX}")
    assert rule["ScheduleExpression"] == "cron(0 0 1 1 ? 2199)"  # nobody will see that
    machines = aws.client("stepfunctions")
    definition = machines.describe_state_machine(stateMachineArn=machine())["definition"]
    assert "(1 - 7 / 100)" in definition
    assert shop.outputs["AlarmTopicArn"] in definition
    deploy.deploy(STACK, deploy.retraining_parameters(values), TAGS)
    with pytest.raises(AwsError, match="there is no recsys-retraining-anew: recsys deploy 'RetrainingSchedule="):
        operate.retrain(SUFFIX)
    assert machines.list_state_machines()["stateMachines"] == []


def by_hand(endpoint: str) -> Result:
    """`recsys retrain`."""
    where = ["--set", f"aws.endpoint={endpoint}", "--set", f"aws.environment_suffix={SUFFIX}"]
    return CliRunner().invoke(app, ["retrain", "--json", *where])


def train_by_itself(solution: str, whether: bool) -> None:
    personalize = aws.client("personalize")
    personalize.update_solution(solutionArn=solution, performAutoTraining=whether)
    aws.wait("update", lambda: personalize.describe_solution(solutionArn=solution)["solution"]["latestSolutionUpdate"])


def versions(solution: str) -> list[str]:
    """ARNs of the solution's versions, in training or trained."""
    listed = aws.pages("personalize", "list_solution_versions", "solutionVersions", solutionArn=solution)
    return [version["solutionVersionArn"] for version in listed]


def exports() -> int:
    """How many exports there were."""
    return len(list(aws.pages("personalize", "list_dataset_export_jobs", "datasetExportJobs")))


def incoming_jobs() -> list[str]:
    jobs = aws.pages("personalize", "list_dataset_import_jobs", "datasetImportJobs")
    return [job["jobName"] for job in jobs if job["jobName"].startswith("incoming-")]
