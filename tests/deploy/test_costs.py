"""What an environment costs, before and while it stands."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import personalize_shop as shops
import pytest
from shell import recsys
from typer.testing import CliRunner

from recsys import aws, deploy
from recsys import params as parameters
from recsys.cli import app
from recsys.cli.estimates import confirm_costs, count_interactions
from recsys.deploy import bill, costs, options, prices, stack, template
from recsys.deploy.cost_per_answer import usd_per_million
from recsys.deploy.demand import Demand, Line
from recsys.deploy.standing import BilledResource, billed_now
from recsys.deploy.walkthrough import walkthrough
from recsys.errors import AwsError, DataError, NotebookError, ParamsError, RecsysError

PRICES = prices.load()
TPS_HOUR = 3600 / 1000 * PRICES.personalize.requests_1000


def values(*settings: str) -> parameters.Params:
    return parameters.load("params/base.yaml", settings=list(settings), environment={})[0]


def lines(*settings: str, **demand: Any) -> list[Line]:
    return costs.estimate(values(*settings), Demand(**demand), PRICES)


def hour(found: list[Line]) -> float:
    return sum(line.hour for line in found)


def test_a_walk_through_the_notebooks_adds_an_endpoint_a_retraining_and_an_experiment() -> None:
    found = {line.resource: line for line in walkthrough(values("sagemaker.endpoint_instances=2"), Demand(), PRICES)}
    assert hour(list(found.values())) == pytest.approx(2 * PRICES.sagemaker.hour("ml.m5.large"))
    trained = costs.training(100_000, PRICES)
    states = costs.TRANSITIONS / 1000 * PRICES.stepfunctions.transitions_1000
    assert found["retraining, notebook 08"].once == pytest.approx(2 * (trained + states))
    assert found["experiment, notebook 09"].once == pytest.approx(trained + TPS_HOUR)
    huge = values("sagemaker.endpoint_instance=ml.x9.huge")
    unknown = {line.resource: line for line in walkthrough(huge, Demand(), PRICES)}
    assert unknown["endpoint"].size == "no price of ml.x9.huge is known" and unknown["endpoint"].hour == 0
    with pytest.raises(RecsysError, match=r"no price is known of sagemaker\.endpoint_instance=ml\.x9\.huge, so that"):
        bill.refuse_above(1e9, [*unknown.values()])


def test_an_hour_costs_two_campaigns_and_the_shards_whoever_calls() -> None:
    for tps, shards in ((1, 4), (3, 1)):
        found = lines(f"serving.min_provisioned_tps={tps}", f"stream.shard_count={shards}", requests=0, events=0)
        billed = [line for line in found if line.resource.startswith(("campaign", "Kinesis"))]
        assert hour(billed) == pytest.approx(2 * tps * TPS_HOUR + shards * PRICES.kinesis.shard_hour)


def test_a_campaign_bills_what_is_ready_or_what_was_asked_whichever_is_more() -> None:
    ready = 3600 * costs.HOURS / 1000 * PRICES.personalize.requests_1000
    assert costs.campaign(1, 10, PRICES) == pytest.approx(ready)
    assert costs.campaign(1, 1e7, PRICES) == pytest.approx(1e7 / 1000 * PRICES.personalize.requests_1000)


def test_the_daily_batch_asks_the_campaign_for_each_user() -> None:
    (few, many) = (
        next(line for line in lines(users=users, requests=0) if line.per_million > 50) for users in (0, 10**6)
    )
    asked = 10**6 * costs.BATCHES / 1000 * PRICES.personalize.requests_1000
    assert (few.demand, many.month) == pytest.approx((0, asked))


def test_the_daily_batch_reads_and_writes_each_profile() -> None:
    (found,) = [line for line in lines(users=10**6) if line.resource == "daily batch"]
    units = 4 * PRICES.dynamodb.writes_million + 0.5 * PRICES.dynamodb.reads_million
    computed = 10**6 * 0.01 * PRICES.lambda_.gb_second
    assert found.demand == pytest.approx(costs.BATCHES * (units + computed))


def test_an_endpoint_bills_its_instances_by_the_hour_and_a_job_by_the_second() -> None:
    hour = PRICES.sagemaker.instance_hour["ml.c5.large"]
    assert costs.endpoint("ml.c5.large", 3, PRICES).hour == pytest.approx(3 * hour)
    assert costs.job("ml.c5.large", 90, PRICES) == pytest.approx(hour / 40)
    with pytest.raises(ParamsError, match=r"no price of ml\.huge"):
        costs.endpoint("ml.huge", 1, PRICES)


def test_a_serverless_endpoint_bills_memory_time_and_bytes_of_each_request() -> None:
    price = PRICES.sagemaker
    each = 2 * 0.01 * price.serverless_gb_second + costs.ANSWER_GB * price.data_gb
    assert costs.serverless(2, 10, 1000, PRICES).demand == pytest.approx(1000 * each)


def added(parameters: dict[str, str], *settings: str, **demand: Any) -> dict[str, Line]:
    """The lines that these parameters of the template add or change, by resource."""
    before = lines(*settings, **demand)
    return {line.resource: line for line in lines(*settings, parameters=parameters, **demand) if line not in before}


class TestParametersOfTheTemplate:
    def test_each_is_priced_or_known_to_cost_nothing_or_has_no_price(self) -> None:
        assert not options.PRICED & options.FREE and (options.PRICED | options.FREE).issubset(template.parameters())
        assert template.parameters() - options.PRICED - options.FREE == {"WebAclArn", "UserPoolArn"}

    def test_whose_price_is_not_known_are_held_to_no_limit(self) -> None:
        found = lines(parameters={"WebAclArn": "arn:aws:wafv2:mine", "UserPoolArn": ""})
        assert any("not in it, as no price is known: WebAclArn" in said for said in bill.sums(found, PRICES, Demand()))
        bill.refuse_above(None, found)
        with pytest.raises(
            RecsysError, match="no price is known of WebAclArn, so that nothing can be held to --max-usd"
        ):
            bill.refuse_above(1e9, found)

    def test_a_response_cache_bills_by_its_size_and_hour(self) -> None:
        for size in template.content()["Parameters"]["CacheClusterSize"]["AllowedValues"][1:]:
            found = added({"CacheClusterSize": size})
            assert found["response cache"].hour == PRICES.apigateway.cache_hour[size] > 0
        with pytest.raises(ParamsError, match=r"CacheClusterSize: no price of a cache of 500 GB; there are 0\.5, 1\.6"):
            added({"CacheClusterSize": "500"})

    def test_a_stream_on_demand_bills_its_hours_and_kilobytes_instead_of_shards(self) -> None:
        found = added({"StreamMode": "ON_DEMAND"}, events=10**6)["Kinesis stream"]
        assert found.hour == PRICES.kinesis.stream_hour
        assert found.demand == pytest.approx(PRICES.kinesis.in_gb + PRICES.kinesis.out_gb)  # a gigabyte

    def test_events_that_are_kept_for_longer_bill_more(self) -> None:
        price, million = PRICES.kinesis, 10**6
        week, month = (
            {mode: stream_of(mode, f"stream.retention_hours={hours}") for mode in ("PROVISIONED", "ON_DEMAND")}
            for hours in (168, 730)
        )
        assert week["PROVISIONED"].hour == pytest.approx(4 * (price.shard_hour + price.extended_shard_hour))
        kept = million * 1e-6 * 144 / 730
        read = price.in_gb + price.out_gb
        assert week["ON_DEMAND"].demand == pytest.approx(read + kept * price.extended_gb_month)
        longer = 562 / 730 * price.long_term_gb_month
        more = {mode: month[mode].demand - week[mode].demand for mode in month}
        assert list(more.values()) == pytest.approx([longer, longer])

    def test_provisioned_profiles_bill_the_units_that_scaling_keeps(self) -> None:
        provisioned, price = {"ProfilesBillingMode": "PROVISIONED"}, PRICES.dynamodb
        both = price.write_unit_hour + price.read_unit_hour
        idle = added(provisioned, events=0, users=0)
        assert idle["profiles table"].month == pytest.approx(costs.HOURS * 5 * both)
        busy = added(provisioned, events=10**9, users=0)["profiles table"]
        assert busy.month == pytest.approx(costs.HOURS * 100 * both)
        some = added(provisioned, events=10**7, users=10**4)
        written = (3e7 + 4 * costs.BATCHES * 10**4) / 3600 / 0.7
        read = (1e7 + 0.5 * costs.BATCHES * 10**4) / 3600 / 0.7
        expected = written * price.write_unit_hour + read * price.read_unit_hour
        assert some["profiles table"].month == pytest.approx(expected)
        assert some["daily batch"].demand == pytest.approx(costs.BATCHES * 1e4 * 0.01 * PRICES.lambda_.gb_second)
        assert idle["alarms"].month == pytest.approx(price_of_alarms(8))

    def test_a_record_of_who_touches_the_data_bills_each_call(self) -> None:
        calls = 100_000 * (1 + 1 / 100) + costs.BATCHES * 1000
        (found,) = added({"AuditData": "true"}, events=100_000, users=1000).values()
        assert found.demand == pytest.approx(calls / 1e6 * PRICES.cloudtrail.data_events_million)

    def test_the_variants_of_an_experiment_are_metrics_and_access_logs_are_logs(self) -> None:
        two = {"now": "arn:1", "new": "arn:2"}
        trials = [deploy.variant_parameters("trial", two, route=route) for route in ("recommendations", "rankings")]
        more = added(deploy.running_experiments(*trials))["metrics"].month
        assert more - month("metrics") == pytest.approx(4 * PRICES.cloudwatch.metric_month)
        for text in ("{nothing}", '{"rankings": {}}'):
            with pytest.raises(ParamsError, match="Experiments: not as deploy"):
                added({"Experiments": text})
        logs = added({"AccessLogs": "true"}, requests=10**6)["access logs"]
        assert logs.demand == pytest.approx(0.3 * PRICES.cloudwatch.log_gb)

    def test_no_traces_are_billed_where_they_are_switched_off(self) -> None:
        assert "traces" not in {line.resource for line in lines(parameters={"Tracing": "PassThrough"})}

    def test_private_ways_bill_each_interface_in_each_zone(self) -> None:
        (found,) = [line for line in lines(zones=2, events=0, requests=0) if line.resource == "VPC endpoints"]
        assert found.size == "5 in 2 zones" and found.hour == pytest.approx(10 * PRICES.vpc.endpoint_hour)


def stream_of(mode: str, setting: str) -> Line:
    found = lines(setting, parameters={"StreamMode": mode}, events=10**6)
    return next(line for line in found if line.resource == "Kinesis stream")


def month(resource: str) -> float:
    return next(line.month for line in lines() if line.resource == resource)


def price_of_alarms(more: int) -> float:
    return month("alarms") + more * PRICES.cloudwatch.alarm_month


def test_traces_are_billed_for_one_request_a_second_and_a_share_of_the_rest() -> None:
    found = [
        next(line for line in lines(requests=count, events=0) if line.resource == "traces") for count in (10**6, 10**7)
    ]
    second = 3600 * costs.HOURS
    expected = [10**6 + costs.BATCHES, second + costs.TRACED * (10**7 - second) + costs.BATCHES]
    assert [line.demand / PRICES.xray.traces_million * 1e6 for line in found] == pytest.approx(expected)


def test_trainings_take_the_hours_of_aws_own_two_examples() -> None:
    price = PRICES.personalize.training_hour
    assert costs.training(100_000, PRICES) == pytest.approx(2.1 * price)
    assert costs.training(25_000_000, PRICES) == pytest.approx(53.9 * price, rel=0.01)


def test_more_of_everything_costs_more() -> None:
    month = {line.resource: line.month for line in lines()}
    more = {line.resource: line.month for line in lines(requests=10**7, events=10**7, users=10**5, trainings=4.3)}
    grown = {resource for resource in month if more[resource] > month[resource]}
    assert grown >= {"Personalize training", "profiles table", "API Gateway", "Kinesis stream", "stream processor"}
    assert not [resource for resource in month if more[resource] < month[resource]]


def test_retraining_costs_as_often_as_its_schedule_comes_and_nothing_while_it_is_off() -> None:
    schedules = ("null", "rate(1 day)", "cron(0 4 ? * SUN *)", "cron(0 4 1 * ? *)", "cron(0 4 ? * MON-FRI *)")
    found = [
        next(line for line in lines(f"retraining.retrain_schedule={schedule}") if line.resource == "retraining")
        for schedule in schedules
    ]
    once = 2 * (costs.training(100_000, PRICES) + 0.2 * PRICES.stepfunctions.transitions_1000)
    assert found[0].size == f"off; 2 solutions, {once:.2f} USD each time"
    assert [line.month / once for line in found] == pytest.approx([0, 30.4, 4.35, 1, 21.7], abs=0.05)


def test_a_retraining_counts_the_solution_of_rankings_where_these_have_a_campaign() -> None:
    given = {"RankingCampaignArn": "arn:aws:personalize:us-east-1:000000000000:campaign/rankings"}
    two, three = (costs.retraining(Demand(parameters=each), PRICES) for each in ({}, given))
    assert three == pytest.approx(1.5 * two)
    (line,) = [line for line in lines(parameters=given) if line.resource == "retraining"]
    assert line.size.startswith("off; 3 solutions, ")


def test_the_first_day_is_setting_up_and_24_hours() -> None:
    assert costs.first_day([Line("a", "", once=1, hour=2), Line("b", "", demand=costs.HOURS)]) == 1 + 48 + 24


class TestPrices:
    def test_one_s_own_lie_over_aws_s(self, tmp_path: Path) -> None:
        own = tmp_path / "own.yaml"
        own.write_text("kinesis: {shard_hour: 0.02}\nregion: eu-central-1\n")
        found = prices.load(own)
        assert (found.kinesis.shard_hour, found.region) == (0.02, "eu-central-1")
        assert found.kinesis.puts_million == PRICES.kinesis.puts_million

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("kinesis: {shard_hour: -1}", "kinesis.shard_hour = -1"),
            ("kinesis: {shard: 1}", "kinesis.shard"),
            ("kinesis: 3", "kinesis = 3"),
            ("sagemaker: {instance_hour: {ml.x: -1}}", "sagemaker.instance_hour.ml.x = -1"),
            ('apigateway: {cache_hour: {"237": -1}}', "apigateway.cache_hour.237 = -1"),
            ("- 1", "must hold sections"),
            ("a: [", "not readable"),
        ],
    )
    def test_a_price_that_is_none_is_named(self, tmp_path: Path, text: str, message: str) -> None:
        own = tmp_path / "own.yaml"
        own.write_text(text)
        with pytest.raises(ParamsError, match=f"{own}: .*{message}"):
            prices.load(own)

    def test_every_price_names_the_page_of_its_service(self) -> None:
        for section in prices.FILE.read_text().split("\n\n")[1].split("\n"):
            if section and not section.startswith(" "):
                assert "# aws.amazon.com/" in section


class TestWarnings:
    def test_say_what_training_by_itself_costs(self) -> None:
        said = costs.warnings(values("training.perform_auto_training=true"), PRICES, Demand())
        assert f"{costs.training(100_000, PRICES) * costs.HOURS / 168:,.2f} USD a month" in said[1]

    def test_say_what_is_priced_in_another_way_or_not_at_all(self) -> None:
        said = costs.warnings(values(), PRICES, Demand())
        assert "training.recipe is aws-user-personalization-v2: AWS prices version 2 recipes in a way of" in said[-2]
        assert "item metadata, which AWS bills besides" in said[-1]
        older = costs.warnings(values("training.recipe=aws-user-personalization"), PRICES, Demand())
        assert "version 2" not in " ".join(older)

    def test_name_the_command_that_removes_this_environment_and_no_other(self) -> None:
        aws = parameters.load("params/aws.yaml", environment={})[0]
        assert "`recsys destroy --params params/aws.yaml` when you are done" in costs.warnings(aws, PRICES, Demand())[0]
        mine = parameters.load(settings=["aws.environment_suffix=mine"], environment={})[0]
        said = costs.warnings(mine, PRICES, Demand())[0]
        assert "`recsys destroy --set aws.environment_suffix=mine` when you are done" in said

    def test_say_that_more_than_one_tps_is_seldom_needed(self) -> None:
        said = costs.warnings(values("serving.min_provisioned_tps=5"), PRICES, Demand())
        assert f"saves {4 * 2 * TPS_HOUR * costs.HOURS:,.0f} USD" in said[1]


class TestTheCommand:
    def test_prints_a_row_a_resource_as_numbers_too(self) -> None:
        rows = json.loads(CliRunner().invoke(app, ["cost", "--json"]).output)
        assert rows[-1]["USD/hour"] == pytest.approx(sum(row["USD/hour"] for row in rows[:-1]))
        shown = CliRunner().invoke(app, ["cost"]).output
        assert "first 24 hours" in shown and PRICES.as_of in shown

    def test_prices_parameters_of_the_template_and_ways_of_a_vpc(self) -> None:
        shown = ["cost", "AuditData=true", "CacheClusterSize=237", "ShardCount=1", "--vpc-zones", "3", "--json"]
        rows = {row["resource"]: row for row in json.loads(CliRunner().invoke(app, shown).output)}
        assert rows["response cache"]["USD/hour"] == PRICES.apigateway.cache_hour["237"]
        assert rows["Kinesis stream"]["size"] == "1 shards" and rows["trail of data events"]["USD/month"] > 0
        assert rows["VPC endpoints"]["size"].endswith("in 3 zones")
        assert "did you mean" in str(CliRunner().invoke(app, ["cost", "CacheSize=237"]).exception)

    @pytest.mark.parametrize("suffix", [".csv", ".parquet"])
    def test_prices_what_there_is_to_train_on(self, tmp_path: Path, suffix: str) -> None:
        file = tmp_path / f"clicks{suffix}"
        table = pd.DataFrame({"USER_ID": ["u"] * 1_500_000})
        table.to_csv(file, index=False) if suffix == ".csv" else table.to_parquet(file)
        given = values("data.source=file", f"data.data_file={file}")
        assert count_interactions(given) == 1_500_000
        with pytest.raises(RecsysError, match="more than --max-usd 20"):
            confirm_costs(given, yes=True, max_usd=20.0)

    def test_says_of_a_compressed_file_cut_short_what_is_wrong(self, tmp_path: Path) -> None:
        file = tmp_path / "clicks.csv.gz"
        pd.DataFrame({"USER_ID": range(1_000)}).to_csv(file)
        file.write_bytes(file.read_bytes()[:-100])
        params = ["--set", "data.source=file", "--set", f"data.data_file={file}"]
        error = CliRunner().invoke(app, ["cost", *params]).exception
        assert isinstance(error, DataError) and "clicks.csv.gz: not readable as gzip" in str(error)

    @pytest.mark.parametrize("content", [b"PAR1 not really", b"PAR1 nor this" + b"\4\0\0\0PAR1"])
    def test_guesses_where_a_file_is_no_parquet(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "clicks.parquet").write_bytes(content)
        given = values("data.source=file", f"data.data_file={tmp_path / 'clicks.parquet'}")
        assert count_interactions(given) == Demand.interactions

    @pytest.mark.parametrize(("source", "rows"), [("sample", 29_288), ("online-retail", 541_909), ("file", 100_000)])
    def test_knows_the_shops_it_brings_and_guesses_where_there_is_no_file(self, source: str, rows: int) -> None:
        assert count_interactions(values(f"data.source={source}")) == rows

    def test_refuses_what_is_above_the_limit(self) -> None:
        with pytest.raises(RecsysError, match=r"would cost [\d.]+ USD, more than --max-usd 1: fewer shards"):
            bill.refuse_above(1.0, lines())

    def test_what_an_earlier_deployment_gave_the_stack_counts_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        standing = {"Parameters": [{"ParameterKey": "CacheClusterSize", "ParameterValue": "237"}]}
        monkeypatch.setattr(deploy, "describe", lambda _: standing)
        monkeypatch.setattr("recsys.cli.stack.connect", lambda _: None)
        command = ["deploy", "ShardCount=2", "--params", "params/aws.yaml", "--yes", "--max-usd", "25"]
        assert "more than --max-usd 25" in str(CliRunner().invoke(app, command).exception)

    def test_it_counts_for_a_run_of_the_notebooks_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_network(_: str) -> None:
            raise AwsError("is there a network?")

        def go_on(*_: Any, **__: Any) -> None:
            raise RecsysError("it went on")

        cached = {"Parameters": [{"ParameterKey": "CacheClusterSize", "ParameterValue": "237"}]}
        monkeypatch.setattr(aws, "connect", lambda *_: None)
        monkeypatch.setattr(aws, "client", lambda *_, **__: SimpleNamespace(get_caller_identity=dict))
        monkeypatch.setattr("recsys.cli.pipeline.connect", go_on)
        command = ["run", "--params", "params/aws.yaml", "--yes", "--max-usd", "20"]
        for describe, said in ((lambda _: cached, "more than --max-usd 20"), (no_network, "it went on")):
            monkeypatch.setattr(deploy, "describe", describe)
            assert said in str(CliRunner().invoke(app, command).exception)

    def test_what_would_stop_the_notebooks_is_told_before_anything_is_billed(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        lacking = {"check": "Lambda concurrency", "ok": "no", "found": "of 10 only 10 are free and AWS keeps 100"}
        rows = [{"check": "region", "ok": "yes", "found": "us-east-1"}, lacking]
        monkeypatch.setattr("recsys.doctor.examine", lambda *_: rows)
        monkeypatch.setattr(aws, "connect", lambda *_: None)
        monkeypatch.setattr(aws, "client", lambda *_: None)
        given = parameters.load("params/aws.yaml", environment={})[0]
        confirm_costs(given, yes=True, max_usd=None)
        said = "recsys doctor: Lambda concurrency: of 10 only 10 are free and AWS keeps 100"
        assert " ".join(capsys.readouterr().out.split()).endswith(said)
        confirm_costs(given, yes=True, max_usd=None, notebooks=False)
        assert "recsys doctor" not in capsys.readouterr().out

    @pytest.mark.parametrize(("file", "costs"), [("params/aws.yaml", True), ("params/local.yaml", False)])
    def test_a_run_that_fails_on_aws_says_what_ends_its_costs(
        self, monkeypatch: pytest.MonkeyPatch, file: str, costs: bool
    ) -> None:
        def failed(*_: Any, **__: Any) -> None:
            raise NotebookError("05_api_deployment failed in cell 4")

        monkeypatch.setattr("recsys.cli.estimates.confirm_costs", lambda *_: None)
        monkeypatch.setattr("recsys.cli.pipeline._standing", lambda _: {})
        monkeypatch.setattr("recsys.cli.pipeline.connect", lambda *_, **__: None)
        monkeypatch.setattr("recsys.runner.execute", failed)
        said = str(CliRunner().invoke(app, ["run", "--params", file]).exception)
        assert said.startswith("05_api_deployment failed in cell 4")
        assert (f"recsys destroy --params {file} ends it" in said) == costs

    def test_nothing_is_created_on_aws_above_the_limit_or_without_a_yes(self) -> None:
        limited = recsys("run", "--params", "params/aws.yaml", "--max-usd", "1")
        assert limited.returncode == 1 and "more than --max-usd 1" in limited.stderr
        somebody = {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "secret"}
        asked = recsys("run", "--params", "params/aws.yaml", given="n\n", **somebody)
        assert asked.returncode == 1 and "Create this on AWS?" in asked.stdout


@pytest.fixture(scope="module")
def shop(client: Callable[[str], Any], connected: None) -> shops.Shop:
    return shops.stocked_shop(client)


class TestWhatStands:
    def test_a_campaign_nobody_asks_is_told_of_with_what_it_has_cost(
        self, shop: shops.Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("recsys.params.commands._current", ["--params", "params/aws.yaml"])
        campaign = shops.deploy(shop, shops.trained_version(shop, "aws-sims"), minProvisionedTPS=2)
        in_two_days = datetime.now(UTC) + timedelta(days=2)
        found = {each.resource: each for each in billed_now(shop.name, "no-such-stack", PRICES, in_two_days)}
        assert found[campaign].usd == pytest.approx(48 * 2 * TPS_HOUR, rel=0.01)
        (note,) = found[campaign].notes
        assert note.startswith("idle for a day") and "`recsys destroy --params params/aws.yaml`" in note

    def test_a_new_campaign_is_not_called_idle(self, shop: shops.Shop) -> None:
        campaign = shops.deploy(shop, shops.trained_version(shop, "aws-sims"))
        assert {each.resource: each.notes for each in billed_now(shop.name, "none", PRICES)}[campaign] == ()

    def test_a_solution_that_trains_by_itself_is_told_of(self, shop: shops.Shop) -> None:
        recipe = "arn:aws:personalize:::recipe/aws-sims"
        arn = shop.client("personalize").create_solution(
            name=shops.unique("weekly"), datasetGroupArn=shop.group, recipeArn=recipe, performAutoTraining=True
        )["solutionArn"]
        notes = {each.resource: each.notes for each in billed_now(shop.name, "none", PRICES)}[arn]
        assert "every 7 days" in notes[0]

    def test_the_stream_costs_by_its_shards(self, environment: Any) -> None:
        name = environment.deploy(TrackingId="t", ShardCount=3)["StreamName"]
        in_ten_hours = datetime.now(UTC) + timedelta(hours=10)
        (found,) = billed_now(environment.group, environment.stack, PRICES, in_ten_hours)
        assert found.resource.endswith(name) and found.usd == pytest.approx(30 * PRICES.kinesis.shard_hour, rel=0.05)

    def test_a_stream_on_demand_is_not_priced_by_shards_it_does_not_pay_for(self, environment: Any) -> None:
        environment.deploy(TrackingId="t", StreamMode="ON_DEMAND")
        (found,) = billed_now(environment.group, environment.stack, PRICES)
        assert found.hour == PRICES.kinesis.stream_hour and "ON_DEMAND" in found.notes[0]

    def test_a_response_cache_and_provisioned_profiles_cost_by_the_hour(
        self, environment: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        campaign = "arn:aws:personalize:us-east-1:000000000000:campaign/none"
        given = {"CacheClusterSize": "6.1", "ProfilesBillingMode": "PROVISIONED", "StreamRetentionHours": 48}
        environment.deploy(TrackingId="t", CampaignArn=campaign, **given)
        stream, profiles, cache = billed_now(environment.group, environment.stack, PRICES)
        assert stream.hour == pytest.approx(4 * (PRICES.kinesis.shard_hour + PRICES.kinesis.extended_shard_hour))
        both = PRICES.dynamodb.write_unit_hour + PRICES.dynamodb.read_unit_hour
        assert profiles.hour == pytest.approx(5 * both) and "table/recsys-profiles" in profiles.name
        assert cache.hour == PRICES.apigateway.cache_hour["6.1"] and cache.name.endswith("response cache")
        unknown = PRICES.model_copy(update={"apigateway": PRICES.apigateway.model_copy(update={"cache_hour": {}})})
        (note,) = billed_now(environment.group, environment.stack, unknown)[-1].notes
        told = parameters.command("recsys cost --standing --prices FILE")
        assert note == f"no price of a cache of 6.1 GB is known: {told}"
        described, physical_id = deploy.describe(environment.stack), stack.physical_id
        elsewhere = {**described, "StackId": described["StackId"].replace("arn:aws:", "arn:aws-cn:")}
        monkeypatch.setattr(stack, "describe", lambda _: elsewhere)
        monkeypatch.setattr(stack, "physical_id", lambda _, logical: physical_id(environment.stack, logical))
        assert billed_now(environment.group, environment.stack, PRICES)[-1].resource.startswith("arn:aws-cn:apigateway")


def test_what_stands_since_minutes_is_told_in_minutes_and_to_four_places() -> None:
    rows = bill.in_minutes(
        [BilledResource("arn:aws:personalize:::campaign/c", 0.05, 0.2), BilledResource("arn:s", 0.05, 0.016)]
    )
    assert rows[0] == {
        "resource": "arn:aws:personalize:::campaign/c",
        "minutes": "3",
        "USD/hour": "0.2000",
        "USD so far": "0.0100",
    }
    assert rows[-1] == {"resource": "all", "minutes": "", "USD/hour": "0.2160", "USD so far": "0.0108"}
    assert bill.in_minutes([]) == []


def test_a_million_answers_cost_by_the_hour_that_they_take_or_by_themselves() -> None:
    known = prices.load()
    found = usd_per_million("ml.m5.large", 2, 5.0, 30.0, 10_000, known)
    hour = known.sagemaker.hour("ml.m5.large")
    assert found["endpoint, 1 request a second"] == pytest.approx(2 * hour * 1e6 / 3600)
    assert found["endpoint, one client always asking"] == pytest.approx(2 * hour * 1e6 / 3600 * 0.005)
    assert found["batch transform"] == pytest.approx(hour * (300 + 30 * 100) / 3600)  # its machine starts first
    assert found["campaign, 1 request a second"] == pytest.approx(1e6 / 3600 * known.personalize.tps_hour)
