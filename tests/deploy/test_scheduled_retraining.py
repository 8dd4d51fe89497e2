"""A retraining by the schedule, on an embedded AWS of its own whose clock the tests set."""

import json
import os
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
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
from recsys.operate import retraining

SUFFIX = "anew"
STACK, GROUP, TAGS = f"recsys-{SUFFIX}", f"shop-{SUFFIX}", {"project": "recsys"}
ITEMS, STEPS = 40, 20
SUNDAYS_AT_FOUR = "cron(0 4 ? * SUN *)"


ROUTES = ("recommendations", "similar-items", "rankings")
# Recipe of each, and the events that it learns from: what spoils views leaves the purchases as they were.
RECIPES = {
    "recommendations": ("aws-user-personalization-v2", "view"),
    "similar-items": ("aws-similar-items", "purchase"),
    "rankings": ("aws-personalized-ranking-v2", "view"),
}


@dataclass(frozen=True)
class Shop:
    """Outputs of the stack, and the ARNs of what is retrained, by the route that it answers."""

    endpoint: str
    outputs: dict[str, str]
    solutions: dict[str, str]
    campaigns: dict[str, str]
    queue: str

    @property
    def serving(self) -> dict[str, str]:
        """The version that each campaign serves."""
        return {route: self.campaign(route)["solutionVersionArn"] for route in ROUTES}

    def campaign(self, route: str) -> dict[str, Any]:
        return serve.campaigns.describe(self.campaigns[route])

    def put_live(self, route: str, version: str) -> None:
        aws.client("personalize").update_campaign(campaignArn=self.campaigns[route], solutionVersionArn=version)

    def incoming(self, name: str, table: pd.DataFrame) -> None:
        """Put a file where the next retraining finds it."""
        key, body = f"tables/incoming/interactions/{name}.csv", table.to_csv(index=False)
        aws.client("s3").put_object(Bucket=self.outputs["BucketName"], Key=key, Body=body)

    def set_clock(self, moment: datetime) -> None:
        body = json.dumps({"at": moment.isoformat()}).encode()
        urllib.request.urlopen(f"{self.endpoint}/_recsys/clock", data=body).close()

    def begin(self, **name: str) -> None:
        """Retrain now."""
        aws.client("stepfunctions").start_execution(stateMachineArn=machine(), **name)

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


def by_route(told: dict[str, Any], field: str) -> dict[str, Any]:
    return {each["route"]: each[field] for each in told["models"]}


def machine() -> str:
    machines = aws.client("stepfunctions").list_state_machines()["stateMachines"]
    return next(each["stateMachineArn"] for each in machines if each["name"] == f"recsys-retraining-{SUFFIX}")


def executions() -> list[dict[str, Any]]:
    return aws.client("stepfunctions").list_executions(stateMachineArn=machine())["executions"]


def walks(users: int, habit: float, name: str, kind: str = "view") -> pd.DataFrame:
    """Users who go on to the next item with probability `habit`, else to any."""
    rng = np.random.default_rng(users)
    rows = []
    for user in range(users):
        item = int(rng.integers(ITEMS))
        for step in range(STEPS):
            rows.append((f"{name}-{user}", f"i{item}", 1_700_000_000 + user + 1000 * step, kind))
            item = (item + 1) % ITEMS if rng.random() < habit else int(rng.integers(ITEMS))
    return pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"])


def walks_and_purchases(users: int, habit: float, name: str) -> pd.DataFrame:
    return pd.concat([walks(users, habit, name), walks(users, habit, f"{name}-buyer", "purchase")])


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
    """Three campaigns trained on habits that are hard to see, and the stack with a schedule."""
    outputs = deploy.deploy(STACK, {"EnvironmentSuffix": SUFFIX}, TAGS)
    group = train.ensure_dataset_group(GROUP, TAGS)
    tables = {"Interactions": walks_and_purchases(60, 0.4, "first"), "Items": item_table()}
    imported(group, tables, outputs, tmp_path_factory.mktemp("tables"))
    solutions = {
        route: train.ensure_solution(group, f"{route}-{SUFFIX}", recipe, TAGS, event_type=kind)
        for route, (recipe, kind) in RECIPES.items()
    }
    begun = {route: train.begin_training(solution, TAGS) for route, solution in solutions.items()}
    campaigns = {route: campaign(route, version) for route, version in begun.items()}
    _, tracking_id = stream.tracker(group, f"clicks-{SUFFIX}", TAGS)
    arns = {"TrackingId": tracking_id, "CampaignArn": campaigns["recommendations"]}
    arns |= {"SimilarItemsCampaignArn": campaigns["similar-items"], "RankingCampaignArn": campaigns["rankings"]}
    outputs = deploy.deploy(STACK, {**arns, "RetrainingSchedule": SUNDAYS_AT_FOUR}, TAGS)
    yield Shop(endpoint, outputs, solutions, campaigns, subscribed(outputs["AlarmTopicArn"]))
    assert cleanup.destroy(GROUP, STACK) == []


def campaign(route: str, version: str) -> str:
    train.await_training(version)
    return serve.ensure_campaign(f"{route}-{SUFFIX}", version, 1, TAGS, metadata=True)["campaignArn"]


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


@dataclass(frozen=True)
class Renewed:
    """When a scheduled retraining began, what it told, and what was seen before it and meanwhile."""

    begun: float
    before: dict[str, str]
    notice: dict[str, Any]
    answers: pd.DataFrame
    others: list[int]

    @property
    def told(self) -> dict[str, Any]:
        return json.loads(self.notice["Message"])


@pytest.fixture(scope="module")
def renewed(shop: Shop) -> Renewed:
    before, url, batch = shop.serving, shop.outputs["ApiUrl"], shop.outputs["BatchProcessorFunctionName"]
    shop.incoming("better", walks_and_purchases(100, 0.95, "better"))
    ring_at(1)
    operate.run_batch(batch)
    assert comes_to("ALARM")
    sunday, begun = next_sunday_at_four(), time.time()
    with deploy.requests_meanwhile(url, ["first-1"], 5) as answers, asking_others(url) as others:
        shop.set_clock(sunday - timedelta(seconds=30))
        assert executions() == []
        shop.set_clock(sunday)
        assert [each["status"] for each in executions()] == ["RUNNING"]
        notice = shop.notice()
        enough = len(answers.rows) + 10
        eventually(lambda: len(answers.rows) >= enough)
    return Renewed(begun, before, notice, answers.table(), others)


def ring_at(seconds: float) -> None:
    """Have ModelOld ring at so many seconds, by what the last ten seconds told: silence changes nothing."""
    names = ("AlarmName", "Namespace", "MetricName", "Dimensions", "Statistic", "ComparisonOperator")
    asked = {**model_old(*names), "Threshold": seconds / 86400, "TreatMissingData": "ignore"}
    aws.client("cloudwatch").put_metric_alarm(**asked, Period=10, EvaluationPeriods=1)


def model_old(*names: str) -> dict[str, Any]:
    (alarm,) = aws.client("cloudwatch").describe_alarms(AlarmNames=[f"recsys-ModelOld-{SUFFIX}"])["MetricAlarms"]
    return {name: alarm[name] for name in names}


def comes_to(state: str) -> bool:
    return eventually(lambda: model_old("StateValue") == {"StateValue": state})


def test_all_models_go_live_by_the_schedule_without_a_failed_request(shop: Shop, renewed: Renewed) -> None:
    told = renewed.told
    assert by_route(told, "outcome") == dict.fromkeys(ROUTES, "live"), told
    assert by_route(told, "servingVersionArn") == renewed.before
    assert by_route(told, "newVersionArn") == shop.serving
    assert all(each["newValue"] > each["servingValue"] > 0 for each in told["models"])
    assert set(renewed.answers[["status", "source"]].itertuples(index=False, name=None)) == {(200, "campaign")}
    assert len(renewed.others) > 20 and set(renewed.others) == {200}
    assert len(incoming_jobs()) == 1


def test_they_are_trained_side_by_side(renewed: Renewed) -> None:
    ask = aws.client("personalize").describe_solution_version
    arns = by_route(renewed.told, "newVersionArn").values()
    trained = [ask(solutionVersionArn=arn)["solutionVersion"] for arn in arns]
    assert max(each["creationDateTime"] for each in trained) < min(each["lastUpdatedDateTime"] for each in trained)


def test_the_notice_says_what_became_of_each(renewed: Renewed) -> None:
    told = renewed.told
    routes = "recommendations live, similar-items live, rankings live"
    assert renewed.notice["Subject"] == f"Retraining of recsys-{SUFFIX}: {routes}"
    assert told["outcome"] == "live"
    assert told["reason"] == "; ".join(f"{each['route']}: {each['reason']}" for each in told["models"])
    (execution,) = executions()
    described = aws.client("stepfunctions").describe_execution(executionArn=execution["executionArn"])
    assert json.loads(described["output"]) == told


def test_what_serves_and_what_was_trained_has_names_to_record(shop: Shop, renewed: Renewed) -> None:
    named = {"recommendations": "", "similar-items": "SimilarItems", "rankings": "Ranking"}
    serving = {f"{named[route]}ServingVersionArn": arn for route, arn in shop.serving.items()}
    trained = {f"{named[route]}RetrainedVersionArn": arn for route, arn in shop.serving.items()}
    assert operate.version_tags(renewed.told) == serving | trained
    for model in renewed.told["models"]:
        assert model["metric"] == "normalized_discounted_cumulative_gain_at_10"
        measured = operate.offline_metrics(model).set_index("metric").loc["NDCG@10"]
        assert (measured["before"], measured["after"]) == (model["servingValue"], model["newValue"])


def test_no_model_is_old_any_more(shop: Shop, renewed: Renewed) -> None:
    operate.run_batch(shop.outputs["BatchProcessorFunctionName"])
    ring_at(time.time() - renewed.begun)  # as one does that was trained before
    assert comes_to("OK")


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


def test_a_spoiled_model_is_refused_and_another_goes_live_and_nobody_else_may_retrain_meanwhile(shop: Shop) -> None:
    before = shop.serving
    shop.incoming("spoiled", walks(250, 0.0, "spoiled"))
    shop.begin()
    eventually(lambda: len(incoming_jobs()) == 2)
    shop.begin()
    second, notice = shop.told(), shop.notice()
    first = json.loads(notice["Message"])
    assert second["reason"] == f"another retraining is at work: {first['executionArn']}"
    assert (second["outcome"], second["models"], first["outcome"]) == ("refused", [], "refused")
    verdicts = {"recommendations": "refused", "similar-items": "live", "rankings": "refused"}
    assert by_route(first, "outcome") == verdicts
    said = ", ".join(f"{route} {verdict}" for route, verdict in verdicts.items())
    assert notice["Subject"] == f"Retraining of recsys-{SUFFIX}: {said}"
    spoiled, bought, _ = first["models"]
    assert spoiled["reason"].startswith(f"{spoiled['metric']} fell from {round(spoiled['servingValue'], 4)} to ")
    assert spoiled["newValue"] < 0.8 * spoiled["servingValue"]
    assert f"recommendations: {spoiled['reason']}; similar-items: {bought['reason']}; " in first["reason"]
    assert shop.serving == {**before, "similar-items": bought["newVersionArn"]}
    assert operate.version_tags(first)["ServingVersionArn"] == before["recommendations"]
    assert operate.version_tags(first)["SimilarItemsServingVersionArn"] == bought["newVersionArn"]
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


@pytest.fixture(scope="module")
def tolerated(shop: Shop, renewed: Renewed) -> dict[str, Any]:
    """The notice of a retraining that may be worse, and for which the run that paid before does not count any more.

    The best version serves the recommendations, and another than was retrained the similar items.
    """
    for route, version in (("recommendations", best(shop)), ("similar-items", another(shop, "similar-items"))):
        shop.put_live(route, version)
        eventually(lambda route=route, version=version: shop.serving[route] == version)
    shop.incoming("spoiled", walks(250, 0.0, "spoiled"))  # there already where all tests run
    before, known = shop.serving, len(executions())
    deploy.deploy(STACK, {"RetrainingTolerance": 100}, TAGS)
    anew, notice = operate.retrain(SUFFIX, "cut-off"), shop.notice()
    assert anew == json.loads(notice["Message"]) and by_route(anew, "servingVersionArn") == before
    deploy.deploy(STACK, {"RetrainingTolerance": 20}, TAGS)
    return {**notice, "Begun": len(executions()) - known}


def test_a_run_pays_again_once_a_campaign_serves_something_else(tolerated: dict[str, Any]) -> None:
    assert json.loads(tolerated["Message"])["executionArn"] == executions()[0]["executionArn"]
    assert tolerated["Begun"] == 1


def test_what_is_worse_within_the_tolerance_goes_live_and_says_so(tolerated: dict[str, Any], shop: Shop) -> None:
    main = json.loads(tolerated["Message"])["models"][0]
    assert (main["outcome"], main["newVersionArn"]) == ("live", shop.serving["recommendations"])
    lower = f"{100 * (1 - main['newValue'] / main['servingValue']):.1f}".removesuffix(".0") + " % lower"
    assert main["lower"] == lower and main["reason"].endswith(f", {lower}, which the tolerance of 100 % lets pass")
    assert tolerated["Subject"].startswith(
        f"Retraining of recsys-{SUFFIX}: recommendations live ({lower}), similar-items "
    )


def best(shop: Shop) -> str:
    """The version with the best NDCG@10 of those that may answer with recommendations."""
    return max(versions(shop.solutions["recommendations"]), key=ndcg)


def test_one_that_trains_itself_or_is_tried_in_an_experiment_is_left_alone(shop: Shop) -> None:
    before, by_itself = shop.serving, shop.solutions["recommendations"]
    with trained_by_itself(by_itself), tried(shop, "similar-items"):
        ended = by_hand(shop.endpoint)
        told = shop.told()
    assert (ended.exit_code, json.loads(ended.stdout)) == (1, told)
    main, similar, ranking = told["models"]
    assert main["reason"] == f"one mode only: {by_itself} trains by itself (performAutoTraining)"
    assert similar["reason"].startswith("an experiment runs with the campaign, and a new version would mix two models")
    assert (main["newVersionArn"], similar["newVersionArn"]) == (None, None)
    assert {main["outcome"], similar["outcome"]} == {"refused"} and ranking["newVersionArn"]
    assert operate.version_tags(told)["ServingVersionArn"] == before["recommendations"]
    assert operate.offline_metrics(main).notna().all().to_dict() == {"metric": True, "before": True, "after": False}
    assert shop.serving == {**before, "rankings": operate.version_tags(told)["RankingServingVersionArn"]}


def test_where_none_may_be_trained_nothing_is_exported_and_a_campaign_that_is_gone_says_so(shop: Shop) -> None:
    before, exported = shop.serving, exports()
    with trained_by_itself(shop.solutions["recommendations"]), tried(shop, "similar-items"):
        deploy.deploy(STACK, {"RankingCampaignArn": f"{shop.campaigns['rankings']}-gone"}, TAGS)
        shop.begin()
        told = shop.told()
        deploy.deploy(STACK, {"RankingCampaignArn": shop.campaigns["rankings"]}, TAGS)
    outcomes = {"recommendations": "refused", "similar-items": "refused", "rankings": "failed"}
    assert by_route(told, "outcome") == outcomes and told["outcome"] == "failed"
    assert told["models"][2]["reason"].startswith("Personalize.ResourceNotFoundException: ")
    assert told["models"][2]["servingVersionArn"] is None
    assert set(by_route(told, "newVersionArn").values()) == {None}
    assert (shop.serving, exports()) == (before, exported)


def test_what_is_put_live_during_the_training_stays_and_what_fails_stops_no_other(shop: Shop) -> None:
    before, exported = shop.serving, exports()
    other, known = another(shop, "recommendations"), versions(shop.solutions["rankings"])
    shop.begin(name="partly-1")
    eventually(lambda: exports() > exported)  # it has looked at the campaigns
    shop.put_live("recommendations", other)
    (stopped,) = eventually(lambda: set(versions(shop.solutions["rankings"])) - set(known))
    aws.client("personalize").stop_solution_version_creation(solutionVersionArn=stopped)
    told = shop.told()
    main, similar, ranking = told["models"]
    assert main["reason"] == f"the campaign serves another version by now, no longer {before['recommendations']}"
    assert (main["outcome"], main["servingVersionArn"]) == ("refused", other)
    assert (ranking["outcome"], ranking["reason"]) == ("failed", f"{stopped} is CREATE STOPPED: ")
    assert (told["outcome"], similar["outcome"]) == ("failed", "live")
    assert executions()[0]["status"] == "SUCCEEDED"
    assert retraining._begun(machine(), "partly") is None  # it is not gone on with: what failed is to be tried again
    assert shop.serving == {**before, "recommendations": other, "similar-items": similar["newVersionArn"]}
    assert operate.offline_metrics(main).notna().all().all()


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
    assert (told["outcome"], told["models"]) == ("failed", [])
    assert told["reason"].startswith("Retraining.NotImported: tables/incoming/interactions/broken.csv is CREATE FAILED")
    assert told["reason"].endswith("; mend it, or if it is right put it there under another name")


def test_its_roles_are_refused_nothing_and_granted_nothing_they_do_not_need(shop: Shop) -> None:
    calls = privileges.made_calls(shop.endpoint)
    roles = privileges.roles(aws.client, STACK)
    its = {logical: roles[logical] for logical in ("RetrainingRole", "ScheduleRole")}
    assert [call for call in calls if call["role"] in its.values() and not call["allowed"]] == []
    assert privileges.idle(aws.client, its, calls) == []
    assert privileges.wide(aws.client, its, calls) == []
    campaigns = ("campaign", "similar", "ranking")
    names = {place: f"{route}-{SUFFIX}" for place, route in zip(campaigns, ROUTES, strict=True)}
    names["role"] = roles["PersonalizeRole"]
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


@contextmanager
def trained_by_itself(solution: str) -> Iterator[None]:
    """As long as this lasts, Personalize trains the solution by itself."""
    personalize = aws.client("personalize")

    def let(whether: bool) -> None:
        personalize.update_solution(solutionArn=solution, performAutoTraining=whether)
        aws.wait("it", lambda: personalize.describe_solution(solutionArn=solution)["solution"]["latestSolutionUpdate"])

    let(True)
    try:
        yield
    finally:
        let(False)


@contextmanager
def tried(shop: Shop, route: str) -> Iterator[None]:
    """As long as this lasts, an experiment runs on the route with the campaign that answers it."""
    trial = deploy.variant_parameters(
        "trial", {"now": shop.campaigns[route], "same": shop.campaigns[route]}, route=route
    )
    deploy.deploy(STACK, deploy.running_experiments(trial), TAGS)
    try:
        yield
    finally:
        deploy.deploy(STACK, deploy.running_experiments(), TAGS)


@contextmanager
def asking_others(url: str) -> Iterator[list[int]]:
    """The statuses of the API's two other routes, asked in turn until the block ends."""
    statuses: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.05):
            statuses.append(deploy.get(deploy.similar_items_url(url, "i1", 5))[0])
            statuses.append(deploy.post(f"{url}/rankings", {"userId": "first-1", "itemIds": ["i1", "i2"]})[0])

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    yield statuses
    over.set()
    thread.join()


def another(shop: Shop, route: str) -> str:
    """A version of the route's solution that does not serve."""
    return next(each for each in versions(shop.solutions[route]) if each != shop.serving[route])


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
