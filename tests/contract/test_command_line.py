"""A whole life of Personalize by the AWS CLI alone, as shell scripts write it.

The commands run in awscli's own driver within this process, which spares each of them the start of an interpreter.
--generate-cli-skeleton leaves its hooks in the driver it ran in, and so gets one of its own.
"""

import contextlib
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import personalize_shop as shops
import pytest
from personalize_shop import RECIPE, ROLE
from world import unique

clidriver = pytest.importorskip("awscli.clidriver", reason="the aws command is in the dependency group dev")

Run = Callable[..., tuple[int, str, str]]
Aws = Callable[..., str]


@pytest.fixture(scope="module")
def run(embedded: Any) -> Run:
    """Run `aws ...`: exit status, what it printed, what it complained of."""
    shared = clidriver.create_clidriver()

    def ran(*arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        driver = clidriver.create_clidriver() if "--generate-cli-skeleton" in arguments else shared
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = driver.main(list(arguments))
        return status, out.getvalue().strip(), err.getvalue().strip()

    return ran


@pytest.fixture(scope="module")
def aws(run: Run) -> Aws:
    """What `aws personalize ...` printed; it must have ended well."""

    def printed(*arguments: str, service: str = "personalize") -> str:
        status, out, err = run(service, *arguments)
        assert status == 0, err
        return out

    return printed


def active(aws: Aws, kind: str, arn: str) -> str:
    """`while [ "$(aws personalize describe-...)" != ACTIVE ]; do sleep; done`; the ARN."""
    name = "".join(word.capitalize() for word in kind.split("-"))
    status = f"{name[0].lower()}{name[1:]}.status"
    describe = (f"describe-{kind}", f"--{kind}-arn", arn, "--query", status, "--output", "text")
    while (seen := aws(*describe)) != "ACTIVE":
        assert "FAILED" not in seen
        time.sleep(0.02)
    return arn


class Life:
    """ARNs of what one script made, in the order of the developer guide's getting started."""

    def __init__(self, aws: Aws, folder: Path) -> None:
        self.name, self._aws = unique("cli"), aws
        self.schema = self._make("schema", "--name", self.name, "--schema", f"file://{self._schema(folder)}")
        self.group = active(aws, "dataset-group", self._make("dataset-group", "--name", self.name))
        self.dataset = active(aws, "dataset", self._dataset())
        self.job = active(aws, "dataset-import-job", self._import())
        self.solution = active(aws, "solution", self._solution())
        version = self._make("solution-version", "--solution-arn", self.solution)
        self.version = active(aws, "solution-version", version)
        campaign = ("--name", self.name, "--solution-version-arn", self.version, "--min-provisioned-tps", "1")
        self.campaign = active(aws, "campaign", self._make("campaign", *campaign))

    def _make(self, kind: str, *arguments: str) -> str:
        """`ARN=$(aws personalize create-... --output text)`: the ARN is all there is to print."""
        return self._aws(f"create-{kind}", *arguments, "--output", "text")

    def _schema(self, folder: Path) -> Path:
        path = folder / "schema.json"
        path.write_text(json.dumps(json.loads(shops.INTERACTIONS), indent=2))
        return path

    def _dataset(self) -> str:
        where = ("--dataset-group-arn", self.group, "--schema-arn", self.schema, "--dataset-type", "Interactions")
        return self._make("dataset", "--name", self.name, *where)

    def _import(self) -> str:
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=self.name)
        shops.consent(boto3.client, self.name)
        s3.put_object(Bucket=self.name, Key="interactions.csv", Body=shops.interactions().to_csv(index=False))
        source = ("--data-source", f"dataLocation=s3://{self.name}/interactions.csv", "--role-arn", ROLE)
        return self._make("dataset-import-job", "--job-name", self.name, "--dataset-arn", self.dataset, *source)

    def _solution(self) -> str:
        recipe = ("--recipe-arn", f"{RECIPE}aws-popularity-count", "--no-perform-auto-training")
        return self._make("solution", "--name", self.name, "--dataset-group-arn", self.group, *recipe)


@pytest.fixture(scope="module")
def life(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Life:
    return Life(aws, tmp_path_factory.mktemp("cli"))


def filled(aws: Aws, folder: Path, command: str, **values: Any) -> str:
    """The argument of --cli-input-json: a command's own skeleton, these of its members filled in, the rest cut."""
    skeleton = json.loads(aws(command, "--generate-cli-skeleton"))
    assert set(values) <= set(skeleton)
    path = folder / f"{command}.json"
    path.write_text(json.dumps({name: values[name] for name in skeleton if name in values}))
    return f"file://{path}"


def test_every_arn_is_that_of_the_name_given(life: Life) -> None:
    prefix = "arn:aws:personalize:us-east-1:000000000000"
    assert life.schema == f"{prefix}:schema/{life.name}"
    assert life.dataset == f"{prefix}:dataset/{life.name}/INTERACTIONS"
    assert life.version.startswith(f"{prefix}:solution/{life.name}/")
    assert life.campaign == f"{prefix}:campaign/{life.name}"


def test_a_metric_is_picked_with_query(life: Life, aws: Aws) -> None:
    picked = ("--query", "metrics.normalized_discounted_cumulative_gain_at_25", "--output", "text")
    assert 0 < float(aws("get-solution-metrics", "--solution-version-arn", life.version, *picked)) <= 1


def test_recommendations_are_a_column_of_item_ids(life: Life, aws: Aws) -> None:
    asked = ("--campaign-arn", life.campaign, "--user-id", "u1", "--num-results", "5")
    picked = ("--query", "itemList[].itemId", "--output", "text")
    items = aws("get-recommendations", *asked, *picked, service="personalize-runtime").split("\t")
    assert len(set(items)) == 5
    assert all(item.startswith("i") for item in items)


def test_context_and_filter_values_are_json_in_quotes(life: Life, aws: Aws) -> None:
    expression = "INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($KINDS)"
    made = aws(
        "create-filter", "--name", life.name, "--dataset-group-arn", life.group, "--filter-expression", expression
    )
    chosen = active(aws, "filter", json.loads(made)["filterArn"])
    values = ("--filter-values", json.dumps({"KINDS": '"purchase","view"'}), "--context", '{"DEVICE": "phone"}')
    asked = ("--campaign-arn", life.campaign, "--user-id", "u1", "--filter-arn", chosen, *values)
    answer = json.loads(aws("get-recommendations", *asked, service="personalize-runtime"))
    seen = set(shops.interactions().query("USER_ID == 'u1'").ITEM_ID)
    assert {entry["itemId"] for entry in answer["itemList"]} <= seen


@pytest.mark.parametrize("sent", [1_710_000_000, "1710000001", "2024-03-09T16:00:02Z", 1_710_000_003.25])
def test_events_are_put_with_the_time_in_any_form(life: Life, aws: Aws, sent: Any) -> None:
    listed = json.loads(aws("list-event-trackers", "--dataset-group-arn", life.group))["eventTrackers"]
    if not listed:
        aws("create-event-tracker", "--name", life.name, "--dataset-group-arn", life.group)
        listed = json.loads(aws("list-event-trackers", "--dataset-group-arn", life.group))["eventTrackers"]
    tracker = active(aws, "event-tracker", listed[0]["eventTrackerArn"])
    described = json.loads(aws("describe-event-tracker", "--event-tracker-arn", tracker))["eventTracker"]
    event = {"sentAt": sent, "eventType": "view", "properties": '{"itemId": "i7", "eventValue": 3}'}
    who = ("--tracking-id", described["trackingId"], "--session-id", "s1", "--user-id", "cli-user")
    assert aws("put-events", *who, "--event-list", json.dumps([event]), service="personalize-events") == ""


def test_lists_are_narrowed_cut_and_continued(life: Life, aws: Aws) -> None:
    for number in range(3):
        aws("create-schema", "--name", f"{life.name}-{number}", "--schema", shops.USERS)
    picked = f"schemas[?starts_with(name, '{life.name}-')].schemaArn"
    everything = json.loads(aws("list-schemas", "--page-size", "2", "--query", picked))
    first = json.loads(aws("list-schemas", "--max-items", "1"))
    rest = json.loads(aws("list-schemas", "--starting-token", first["NextToken"]))
    assert len(everything) == 3
    assert everything[-1] in [entry["schemaArn"] for entry in rest["schemas"]]
    assert first["schemas"][0] not in rest["schemas"]


@pytest.mark.parametrize(
    ("command", "scope"),
    [
        ("list-datasets", "group"),
        ("list-dataset-import-jobs", "dataset"),
        ("list-solutions", "group"),
        ("list-solution-versions", "solution"),
        ("list-campaigns", "solution"),
    ],
)
def test_what_belongs_to_a_parent_is_listed_by_it(life: Life, aws: Aws, command: str, scope: str) -> None:
    option = {"group": "--dataset-group-arn", "dataset": "--dataset-arn", "solution": "--solution-arn"}[scope]
    (entries,) = json.loads(aws(command, option, getattr(life, scope))).values()
    assert [entry["status"] for entry in entries] == ["ACTIVE"]
    assert entries[0]["creationDateTime"] <= entries[0]["lastUpdatedDateTime"]


def test_a_skeleton_filled_in_is_a_request(life: Life, aws: Aws, tmp_path: Path) -> None:
    objective = {"solutionConfig": {"eventValueThreshold": "0.5"}, "eventType": "purchase"}
    names = {"name": f"{life.name}-skeleton", "datasetGroupArn": life.group, "recipeArn": f"{RECIPE}aws-sims"}
    asked = filled(aws, tmp_path, "create-solution", performAutoTraining=False, **names, **objective)
    made = json.loads(aws("create-solution", "--cli-input-json", asked))["solutionArn"]
    described = json.loads(aws("describe-solution", "--solution-arn", made))["solution"]
    assert described["eventType"] == "purchase"
    assert described["solutionConfig"] == {"eventValueThreshold": "0.5"}
    aws("delete-solution", "--solution-arn", active(aws, "solution", made))


def test_an_update_is_watched_in_the_campaign(life: Life, aws: Aws) -> None:
    config = '{"itemExplorationConfig": {"explorationWeight": "0.1", "explorationItemAgeCutOff": "7"}}'
    aws("update-campaign", "--campaign-arn", life.campaign, "--campaign-config", config, "--min-provisioned-tps", "2")
    status = ("--query", "campaign.latestCampaignUpdate.status", "--output", "text")
    while aws("describe-campaign", "--campaign-arn", life.campaign, *status) != "ACTIVE":
        time.sleep(0.02)
    tps = ("--query", "campaign.minProvisionedTPS")
    assert aws("describe-campaign", "--campaign-arn", life.campaign, *tps) == "2"


def test_an_error_ends_the_command_with_its_code(life: Life, run: Run) -> None:
    status, out, err = run("personalize", "create-schema", "--name", life.name, "--schema", shops.USERS)
    assert (status != 0, out) == (True, "")
    assert err.startswith("An error occurred (ResourceAlreadyExistsException) when calling the CreateSchema operation")


def test_tags_are_written_in_shorthand(life: Life, aws: Aws) -> None:
    aws("tag-resource", "--resource-arn", life.group, "--tags", "tagKey=team,tagValue=shop")
    assert aws("list-tags-for-resource", "--resource-arn", life.group, "--output", "text") == "TAGS\tteam\tshop"


def test_everything_is_taken_down_again(life: Life, aws: Aws, run: Run) -> None:
    """Last: what it deletes the tests above need."""
    picked = ("--query", "eventTrackers[].eventTrackerArn", "--output", "text")
    trackers = aws("list-event-trackers", "--dataset-group-arn", life.group, *picked)
    kinds = {
        "campaign": life.campaign,
        "solution": life.solution,
        "event-tracker": trackers,
        "dataset": life.dataset,
        "schema": life.schema,
        "dataset-group": life.group,
    }
    for kind, arn in kinds.items():
        assert aws(f"delete-{kind}", f"--{kind}-arn", arn) == ""
        while run("personalize", f"describe-{kind}", f"--{kind}-arn", arn)[0] == 0:
            time.sleep(0.02)
    assert life.group not in aws("list-dataset-groups")
