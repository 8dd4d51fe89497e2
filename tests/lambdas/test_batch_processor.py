"""The daily batch: every active user served, nobody else, nothing lost, whatever is cut off on the way."""

import itertools
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from processes import workers
from waiting import eventually

from recsys import stream
from recsys.lambdas.batch_processor import age, files, handler
from recsys.lambdas.batch_processor.files import Files
from recsys.lambdas.batch_processor.profiles import EXPIRED, NoTable, Profiles, Users
from recsys.lambdas.batch_processor.run import Run
from recsys.lambdas.batch_processor.source import CampaignSource, Gone
from recsys.lambdas.batch_processor.state import Segment, State
from recsys.lambdas.clock import MARGIN, Clock, OutOfTime

DAY = 86400
numbers = itertools.count(1)


class Killed(BaseException):
    """What ends a function without giving it a word."""


class Context:
    """Lambda's context; after `checks` looks at the clock its time is over, or the function is killed."""

    def __init__(self, checks: float = float("inf"), arn: str = "", killed: bool = False) -> None:
        self.invoked_function_arn, self.aws_request_id = arn, f"request-{next(numbers)}"
        self.checks, self.killed = checks, killed

    def get_remaining_time_in_millis(self) -> int:
        self.checks -= 1
        if self.checks < 0 and self.killed:
            raise Killed
        return 900_000 if self.checks >= 0 else 0


@pytest.fixture
def date() -> str:
    """A day that no other test runs."""
    return f"{2030 + next(numbers)}-01-01"


@pytest.fixture
def table(client: Callable[[str], Any]) -> Iterator[str]:
    """A profiles table of its own."""
    name = f"batch-{next(numbers)}"
    key = {"AttributeName": "userId"}
    client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{**key, "KeyType": "HASH"}],
        AttributeDefinitions=[{**key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    client("dynamodb").delete_table(TableName=name)


@pytest.fixture
def run(system: Any, table: str, date: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """`run(context, force=True)`: the handler's answer for this test's day and table, in this process."""
    settings = {"TABLE_NAME": table, "BUCKET_NAME": system.BucketName, "CAMPAIGN_ARN": system.CampaignArn}
    settings |= {"ACTIVE_DAYS": "30", "MAX_FAILED_PERCENT": "5", "ENVIRONMENT": "test"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def answered(context: Any = None, **event: Any) -> dict[str, Any]:
        return handler.handler({"date": date, **event}, context or Context())

    return answered


@pytest.fixture
def result(system: Any, date: str, client: Callable[[str], Any]) -> Callable[[], dict[str, Any]]:
    """`result()`: what is in this day's results.json."""

    def read(name: str = "results.json") -> dict[str, Any]:
        answer = client("s3").get_object(Bucket=system.BucketName, Key=f"batch-results/{date}/{name}")
        return json.loads(answer["Body"].read())

    return read


def put(client: Callable[[str], Any], table: str, users: Sequence[str], days_ago: float = 1) -> None:
    """Profiles of users whose last event was so many days ago."""
    moment = {"N": str(round(time.time() - days_ago * DAY, 3))}
    for begin in range(0, len(users), 25):
        items = [
            {"userId": {"S": user}, "lastEventAt": moment, "version": {"N": "7"}, "counts": {"M": {"view": {"N": "3"}}}}
            for user in users[begin : begin + 25]
        ]
        client("dynamodb").batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item}} for item in items]})


def many(name: str, count: int) -> list[str]:
    return [f"{name}-{number}" for number in range(count)]


def listed(results: dict[str, Any]) -> list[str]:
    return sorted(entry["userId"] for entry in results["users"])


def plain(item: dict[str, Any]) -> dict[str, Any]:
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in item.items()}


class TestADay:
    def test_serves_all_active_users_and_nobody_else(
        self, client: Callable, table: str, run: Callable, result: Callable
    ) -> None:
        put(client, table, many("active", 230))
        put(client, table, many("idle", 150), days_ago=31)
        answer = run()
        assert {name: answer[name] for name in ("finished", "found", "served", "failed", "expired")} == {
            "finished": True,
            "found": 230,
            "served": 230,
            "failed": 0,
            "expired": 0,
        }
        assert listed(result()) == sorted(many("active", 230))
        assert "recommendations" not in stream.profile(table, "idle-7")

    def test_puts_the_campaigns_items_beside_what_the_profile_holds(
        self, system: Any, client: Callable, table: str, run: Callable, result: Callable
    ) -> None:
        put(client, table, ["user-1"])
        before = stream.profile(table, "user-1")
        run()
        after = stream.profile(table, "user-1")
        assert {name: after[name] for name in before} == before
        assert after.keys() - before.keys() == {"recommendations", "recommendedAt", "recommendedBy"}
        assert after["recommendedBy"] == system.CampaignArn
        (entry,) = result()["users"]
        assert [plain(item) for item in after["recommendations"]] == entry["recommendations"]
        first, rows = after["recommendations"][0], system.items.set_index("ITEM_ID")
        assert (first["title"], float(first["price"])) == tuple(rows.loc[first["itemId"], ["TITLE", "PRICE"]])

    def test_without_active_users_has_empty_results(self, run: Callable, result: Callable) -> None:
        assert run()["found"] == 0
        assert result()["users"] == []

    def test_writes_its_counts_into_the_results_and_the_metrics(
        self, client: Callable, table: str, run: Callable, result: Callable, capsys: pytest.CaptureFixture
    ) -> None:
        put(client, table, many("counted", 3))
        answer = run()
        head = result()
        assert {name: head[name] for name in answer if name != "finished"} == {
            name: value for name, value in answer.items() if name != "finished"
        }
        metric = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line][-1]
        assert metric["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Recsys"
        assert (metric["service"], metric["environment"]) == ("batch-processor", "test")
        assert (metric["UsersServed"], metric["UsersFailed"]) == ([3.0], [0.0])

    def test_tells_how_old_the_model_is_once_a_day(
        self, system: Any, client: Callable, run: Callable, capsys: pytest.CaptureFixture
    ) -> None:
        personalize = client("personalize")
        arn = personalize.describe_campaign(campaignArn=system.CampaignArn)["campaign"]["solutionVersionArn"]
        version = personalize.describe_solution_version(solutionVersionArn=arn)["solutionVersion"]
        run()
        run()
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "ModelAgeDays" in line]
        (days,) = [line["ModelAgeDays"][0] for line in told]
        assert 0 < days * DAY <= time.time() - version["creationDateTime"].timestamp()
        assert (told[0]["service"], told[0]["environment"]) == ("batch-processor", "test")

    def test_of_several_campaigns_the_oldest_model_counts_and_one_that_is_gone_does_not(
        self, system: Any, client: Callable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        personalize = client("personalize")

        def made(arn: str) -> float:
            version = personalize.describe_campaign(campaignArn=arn)["campaign"]["solutionVersionArn"]
            described = personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
            return described["creationDateTime"].timestamp()

        main, ranking = (f"{system.CampaignArn.rpartition('/')[0]}/{name}-lambdas" for name in ("main", "ranking"))
        monkeypatch.setenv("SIMILAR_ITEMS_CAMPAIGN_ARN", f"{system.CampaignArn}-gone")
        monkeypatch.setenv("RANKING_CAMPAIGN_ARN", main)
        assert made(main) < made(ranking)
        for asked in (main, ranking):
            monkeypatch.setenv("CAMPAIGN_ARN", asked)
            begun = time.time()
            assert begun - made(main) <= age.oldest(client) * DAY <= time.time() - made(main)
        assert "age of the model" not in caplog.text

    def test_beside_an_endpoint_the_campaigns_count_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {"ENDPOINT_NAME": "young", "CAMPAIGN_ARN": "old", "RANKING_CAMPAIGN_ARN": ""}.items():
            monkeypatch.setenv(name, value)
        ages: dict[str, float] = {"young": 1.0, "old": 40.0}
        monkeypatch.setattr(age, "of_endpoint", lambda _, name: ages[name])
        monkeypatch.setattr(age, "of_campaign", lambda _, arn: ages[arn])
        assert age.oldest(lambda service: service) == 40.0
        ages["young"] = 50.0
        assert age.oldest(lambda service: service) == 50.0

    def test_of_several_models_behind_an_endpoint_the_oldest_counts(self) -> None:
        now = datetime.now(UTC)
        made = {"first": now - timedelta(days=40), "second": now - timedelta(days=1)}

        variants = [{"ModelName": name} for name in made]
        sagemaker = SimpleNamespace(
            describe_endpoint=lambda EndpointName: {"EndpointConfigName": "config"},
            describe_endpoint_config=lambda EndpointConfigName: {"ProductionVariants": variants},
            describe_model=lambda ModelName: {"CreationTime": made[ModelName]},
        )
        assert age.of_endpoint(sagemaker, "endpoint") == pytest.approx(40, abs=0.01)

    def test_a_campaign_that_refuses_to_tell_its_age_is_in_the_log(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def refused(_: Any, arn: str) -> float:
            if arn == "main":
                return 3.0
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeCampaign")

        monkeypatch.setenv("CAMPAIGN_ARN", "main")
        monkeypatch.setenv("RANKING_CAMPAIGN_ARN", "secret")
        monkeypatch.setattr(age, "of_campaign", refused)
        assert age.oldest(lambda service: service) == 3.0
        (warned,) = caplog.records
        assert (warned.levelname, warned.of) == ("WARNING", "secret") and "AccessDenied" in warned.reason

    def test_counts_each_invocation_also_for_a_day_that_is_done(
        self, run: Callable, capsys: pytest.CaptureFixture
    ) -> None:
        for force in (False, False, True):
            run(force=force)
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "BatchInvocations" in line]
        assert [line["BatchInvocations"] for line in told] == [[1.0]] * 3

    def test_a_second_run_repeats_the_first_result_without_new_users(
        self, client: Callable, table: str, run: Callable, result: Callable
    ) -> None:
        put(client, table, ["early"])
        first = run()
        put(client, table, ["late"])
        assert run() == first
        assert listed(result()) == ["early"]
        assert "recommendations" not in stream.profile(table, "late")

    def test_is_done_again_where_that_is_forced(
        self, client: Callable, table: str, run: Callable, result: Callable
    ) -> None:
        put(client, table, ["early"])
        run()
        put(client, table, ["late"])
        assert run(force=True)["served"] == 2
        assert listed(result()) == ["early", "late"]


class TestCutOff:
    def test_a_killed_run_goes_on_and_counts_nobody_twice(
        self, client: Callable, table: str, run: Callable, result: Callable
    ) -> None:
        put(client, table, many("killed", 600))
        with pytest.raises(Killed):
            run(Context(450, killed=True))
        done = sum(segment["served"] for segment in result("checkpoint.json")["segments"])
        assert 0 < done < 600
        assert run()["served"] == 600
        assert listed(result()) == sorted(many("killed", 600))

    def test_a_forced_run_that_is_tried_again_does_not_begin_anew(
        self, client: Callable, table: str, run: Callable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(client, table, many("forced", 600))
        context = Context(450, killed=True)
        with pytest.raises(Killed):
            run(context, force=True)
        context.checks = float("inf")
        monkeypatch.setenv("ACTIVE_DAYS", "0")  # anew, nobody would be active
        assert run(context, force=True)["served"] == 600

    def test_before_its_time_is_over_it_leaves_the_rest_to_its_successor(
        self,
        system: Any,
        client: Callable,
        run: Callable,
        result: Callable,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        put(client, system.TableName, many("successor", 600))
        monkeypatch.setenv("TABLE_NAME", system.TableName)
        assert run(Context(450, arn=arn(client, system)))["finished"] is False
        eventually(lambda: result("checkpoint.json")["finished"])
        served = listed(result())
        assert len(served) == len(set(served))
        assert set(many("successor", 600)) <= set(served)

    def test_a_worker_killed_half_way_is_tried_again_and_goes_on(
        self, embedded: Any, system: Any, client: Callable, date: str, result: Callable
    ) -> None:
        put(client, system.TableName, many("worker", 600))
        name, payload = system.BatchProcessorFunctionName, json.dumps({"date": date})
        client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=payload)
        eventually(lambda: any(segment["served"] for segment in checkpoint(result)["segments"]))
        for pid in workers(embedded.pid, name):
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: checkpoint(result)["finished"])
        served = listed(result())
        assert len(served) == len(set(served)) == result()["served"]
        assert set(many("worker", 600)) <= set(served)

    def test_one_that_gets_nothing_done_invokes_nobody(self, client: Callable, table: str, run: Callable) -> None:
        put(client, table, many("slow", 5))
        with pytest.raises(handler.TooSlow):
            run(Context(0))


def arn(client: Callable, system: Any) -> str:
    name = system.BatchProcessorFunctionName
    return client("lambda").get_function_configuration(FunctionName=name)["FunctionArn"]


def checkpoint(result: Callable) -> dict[str, Any]:
    try:
        return result("checkpoint.json")
    except ClientError:
        return {"segments": [], "finished": False}


def test_events_folded_in_meanwhile_are_not_lost(
    system: Any, client: Callable, run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = many("meanwhile", 120)
    put(client, system.TableName, users)
    monkeypatch.setenv("TABLE_NAME", system.TableName)
    batch = threading.Thread(target=run)
    batch.start()
    stream.send(system.StreamName, [stream.event(user, "item-1", "view") for user in users * 3])
    batch.join()
    stream.await_events(system.TableName, dict.fromkeys(users, 3 + 3))
    profiles = [stream.profile(system.TableName, user) for user in users]
    assert {profile["counts"]["view"] for profile in profiles} == {6}
    assert all(profile["recommendations"] for profile in profiles)


def test_a_page_tells_what_its_users_did_last_where_that_is_wanted(client: Callable, table: str) -> None:
    events = [{"M": {"itemId": {"S": item}, "timestamp": {"N": at}}} for item, at in (("b", "20.5"), ("a", "10"))]
    moment = {"N": str(int(time.time()))}
    client("dynamodb").put_item(
        TableName=table, Item={"userId": {"S": "u"}, "lastEventAt": moment, "lastItems": {"L": events}}
    )
    wanted = {"u": [{"itemId": "b", "timestamp": 20.5}, {"itemId": "a", "timestamp": 10.0}]}
    for asks, users in ((True, wanted), (False, {"u": []})):
        profiles = Profiles(client("dynamodb"), table, 0, events=asks)
        assert profiles.page(0, 1, None, Clock(Context())) == (users, None)


class TestAProfileThatExpired:
    def test_is_not_created_again(self, client: Callable, table: str) -> None:
        put(client, table, ["there"])
        profiles = Profiles(client("dynamodb"), table, 0)
        items = {user: [{"itemId": "item-1", "score": 0.5}] for user in ("gone", "there")}
        assert profiles.write(items, "source", Clock(Context())) == {"gone": EXPIRED}
        assert stream.profile(table, "gone") == {}
        assert stream.profile(table, "there")["recommendedBy"] == "source"

    def test_counts_as_expired_not_as_failed(self, system: Any, client: Callable, table: str, date: str) -> None:
        put(client, table, ["gone", "there"])

        class Source:
            name = "source"

            def recommend(self, users: Users, clock: Clock) -> dict[str, Any]:
                for user in {"gone"} & set(users):
                    client("dynamodb").delete_item(TableName=table, Key={"userId": {"S": user}})
                return {user: [{"itemId": "item-1"}] for user in users}

        state = State(date, 0, "request")
        stored = Files(client("s3"), system.BucketName, date)
        Run(state, Profiles(client("dynamodb"), table, 0), Source(), stored, Clock(Context())).work()
        counts = state.counts()
        assert (counts["found"], counts["served"], counts["failed"], counts["expired"]) == (2, 1, 0, 1)


class TestFailures:
    @pytest.fixture
    def failing(self, client: Callable, table: str) -> str:
        """Nine users, and one whose id Personalize refuses."""
        put(client, table, [*many("good", 9), "x" * 300])
        return "x" * 300

    def test_above_what_is_tolerated_fail_the_run_after_its_results(
        self, run: Callable, result: Callable, failing: str
    ) -> None:
        for _ in range(2):  # asked again it tells the same
            with pytest.raises(handler.TooManyFailed, match="1 of 10 users failed, more than 5 %"):
                run()
        results = result()
        assert (results["found"], results["served"], results["failed"]) == (10, 9, 1)
        assert listed(results) == many("good", 9)
        assert [entry["userId"] for entry in results["reasons"]] == [failing]

    def test_within_what_is_tolerated_are_counted(
        self, run: Callable, failing: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MAX_FAILED_PERCENT", "10")
        assert run()["failed"] == 1

    def test_a_campaign_that_is_gone_is_told_at_once(
        self, client: Callable, table: str, run: Callable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(client, table, many("nobody", 3))
        monkeypatch.setenv("CAMPAIGN_ARN", "arn:aws:personalize:us-east-1:000000000000:campaign/gone")
        with pytest.raises(Gone, match="campaign/gone"):
            run()

    def test_a_table_that_is_gone_is_told(self, run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TABLE_NAME", "nowhere")
        with pytest.raises(NoTable, match="nowhere"):
            run()

    def test_show_as_an_error_of_the_function(self, system: Any, client: Callable) -> None:
        request = {"FunctionName": system.BatchProcessorFunctionName, "Payload": '{"date": "tomorrow"}'}
        answer = client("lambda").invoke(**request)
        assert answer["FunctionError"]
        assert "not 'tomorrow'" in json.loads(answer["Payload"].read())["errorMessage"]


def test_a_probe_is_answered_and_asks_nobody(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(os, "environ", {})
    assert handler.handler({"probe": True}, Context()) == {"probe": True}
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("event", [{"date": "2026-02-30"}, {"date": "20261128"}, {"date": 5}, {"date": None}])
def test_a_day_that_is_none_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(handler.BadEvent, match="date must be a day as 2026-11-28"):
        handler.asked(event)


def test_force_is_true_or_false() -> None:
    with pytest.raises(handler.BadEvent, match="force must be true or false, not 'no'"):
        handler.asked({"force": "no"})


def test_a_schedules_event_is_for_the_day_it_was_due() -> None:
    assert handler.asked({"time": "2026-11-28T23:59:59Z", "detail-type": "Scheduled Event"}) == ("2026-11-28", False)


class Throttled(Exception):
    """A campaign that refuses its first calls."""

    arn = "campaign"

    def __init__(self, refusals: list[str]) -> None:
        self.refusals = refusals

    def ask(self, count: int, userId: str) -> tuple[list[dict[str, Any]], str]:
        if self.refusals:
            raise ClientError({"Error": {"Code": self.refusals.pop(), "Message": "no"}}, "GetRecommendations")
        return [{"itemId": f"item for {userId}"}], "recommendation"


class TestASource:
    def test_asks_again_where_it_was_throttled(self) -> None:
        source = CampaignSource(Throttled(["ThrottlingException"] * 2))
        assert source.recommend({"u": []}, Clock(Context())) == {"u": [{"itemId": "item for u"}]}

    def test_answers_with_the_error_of_a_user(self) -> None:
        source = CampaignSource(Throttled(["InvalidInputException"]))
        assert isinstance(source.recommend({"u": []}, Clock(Context()))["u"], ClientError)

    def test_does_not_wait_beyond_the_invocation(self) -> None:
        context = Context()
        context.get_remaining_time_in_millis = lambda: int(MARGIN * 1000)
        with pytest.raises(OutOfTime):
            CampaignSource(Throttled(["ThrottlingException"] * 9)).recommend({"u": []}, Clock(context))


def test_results_of_many_megabytes_are_one_document(system: Any, client: Callable, date: str, result: Callable) -> None:
    stored, long = Files(client("s3"), system.BucketName, date), "x" * (files.BLOCK // 2 + 1)
    for segment, number in ((0, 0), (0, 1), (1, 0)):
        stored.put_part(segment, number, {f"{segment}.{number}": [{"itemId": long}]})
    stored.join([Segment(parts=2), Segment(parts=1), Segment()], {"date": date}, Clock(Context()))
    assert listed(result()) == ["0.0", "0.1", "1.0"]
    assert {len(entry["recommendations"][0]["itemId"]) for entry in result()["users"]} == {len(long)}


def test_the_schedule_calls_the_function_which_runs_alone(system: Any, client: Callable) -> None:
    name, events, functions = system.BatchProcessorFunctionName, client("events"), client("lambda")
    rule = events.describe_rule(Name="recsys-batch-lambdas")
    assert (rule["ScheduleExpression"], rule["State"]) == ("cron(0 2 * * ? *)", "ENABLED")
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert target["Arn"] == arn(client, system)
    (statement,) = json.loads(functions.get_policy(FunctionName=name)["Policy"])["Statement"]
    assert statement["Condition"]["ArnLike"]["AWS:SourceArn"] == rule["Arn"]
    assert functions.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 1
    retries = functions.get_function_event_invoke_config(FunctionName=name, Qualifier="$LATEST")
    assert retries["MaximumRetryAttempts"] == 2
    assert functions.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Allow"
