"""What public programs do with Amazon Personalize beyond the developer guide: samples, solutions, Lambda functions.

Each claim is a habit of theirs that a compatible engine could break, in our own words and code.
"""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import numpy as np
import pandas as pd
import personalize_shop as shops
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.waiter import WaiterModel, create_waiter_with_client
from personalize_shop import RECIPE, ROLE
from world import SCHEMAS, World, member, operation, unique

Client = Callable[[str], Any]
TRUST = {"Effect": "Allow", "Principal": {"Service": "personalize.amazonaws.com"}, "Action": "sts:AssumeRole"}
FULL_ACCESS = "arn:aws:iam::aws:policy/service-role/AmazonPersonalizeFullAccess"


@pytest.fixture
def personalize(checked: Client) -> Any:
    return checked("personalize")


@pytest.fixture
def runtime(checked: Client) -> Any:
    return checked("personalize-runtime")


@pytest.fixture
def events(checked: Client) -> Any:
    return checked("personalize-events")


def dashed(kind: str) -> str:
    """DatasetGroup -> dataset-group."""
    return operation("", kind).lstrip("_").replace("_", "-")


MISSING = {"ErrorEquals": ["Personalize.ResourceNotFoundException"], "ResultPath": "$.Missing", "Next": "Put"}


def describing(kind: str, arn: str, **more: Any) -> dict[str, Any]:
    """A state that describes something and keeps it beside what came before."""
    resource = f"arn:aws:states:::aws-sdk:personalize:describe{kind}"
    parameters = {f"{kind}Arn": arn}
    return {"Type": "Task", "Resource": resource, "Parameters": parameters, "ResultPath": f"$.{kind}", **more}


# Finding what is there already


@pytest.mark.parametrize("kind", ["Schema", "DatasetGroup", "Filter", "Solution", "Campaign", "Recommender"])
def test_a_taken_name_is_described_by_the_arn_a_program_builds(kind: str, world: World, personalize: Any) -> None:
    account, region = boto3.client("sts").get_caller_identity()["Account"], boto3.Session().region_name
    name = world.describe(kind, world.arns[kind])["name"]
    with pytest.raises(personalize.exceptions.ResourceAlreadyExistsException):
        world.make(kind, name=name)
    described = world.describe(kind, f"arn:aws:personalize:{region}:{account}:{dashed(kind)}/{name}")
    assert described[member(kind)] == world.arns[kind]


@pytest.mark.parametrize("kind", ["Dataset", "EventTracker", "Filter", "Solution", "Recommender"])
def test_the_newest_of_a_groups_things_is_found_by_its_dates(kind: str, world: World, personalize: Any) -> None:
    group = world.describe(kind, world.arns[kind])["datasetGroupArn"]
    pages = personalize.get_paginator(operation("list", kind) + "s").paginate(datasetGroupArn=group)
    listed = [entry for page in pages for entry in next(value for value in page.values() if isinstance(value, list))]
    newest = max(listed, key=lambda entry: entry["creationDateTime"])
    assert timedelta(0) <= datetime.now(UTC) - newest["lastUpdatedDateTime"] < timedelta(hours=1)
    assert world.describe(kind, newest[member(kind)])["name"] == newest["name"]


def test_a_name_is_looked_for_with_jmespath_over_all_pages(world: World, personalize: Any) -> None:
    pages = personalize.get_paginator("list_schemas").paginate(PaginationConfig={"PageSize": 1})
    (found,) = pages.search(f"schemas[?schemaArn=='{world.arns['Schema']}'].name")
    assert world.arns["Schema"].endswith(f"/{found}")


def test_data_newer_than_its_import_is_told_by_s3s_date(world: World) -> None:
    job = world.describe("DatasetImportJob", world.arns["DatasetImportJob"])
    bucket, _, key = job["dataSource"]["dataLocation"].removeprefix("s3://").partition("/")
    data = boto3.resource("s3").Object(bucket, key)
    assert data.last_modified <= job["lastUpdatedDateTime"] + timedelta(seconds=1)  # S3 counts whole seconds


@pytest.mark.parametrize(
    "style",
    [
        {"config": Config(retries={"mode": "adaptive", "max_attempts": 10}, connect_timeout=1, read_timeout=5)},
        {"config": Config(parameter_validation=False, user_agent_extra="Solution/SO0170/v1")},
        {"region_name": "us-east-1", "api_version": "2018-05-22", "aws_session_token": "token"},
    ],
)
def test_clients_of_any_style_are_served(style: dict[str, Any], embedded: Any) -> None:
    client = boto3.session.Session().client(service_name="personalize", **style)
    assert client.list_recipes(maxResults=1)["recipes"][0]["status"] == "ACTIVE"


def test_a_web_page_may_put_events_itself(events: Any, world: World) -> None:
    """Browsers show an answer to a page of another origin only if it says so; Amplify puts events from there."""
    answer = events.put_events(trackingId=world.tracking_id, sessionId="page", eventList=[event(itemId="i1")])
    assert answer["ResponseMetadata"]["HTTPHeaders"]["access-control-allow-origin"] == "*"


def test_a_state_machine_calls_personalize_and_catches_its_errors(world: World) -> None:
    """It looks for a solution by an ARN; where there is none, it goes on to put an event."""
    task, event = "arn:aws:states:::aws-sdk:", {"EventType": "view", "ItemId": "i1", "SentAt": 1_720_000_000}
    put = {"TrackingId": world.tracking_id, "SessionId": "machine", "EventList": [event]}
    states = {
        "Group": describing("DatasetGroup", world.arns["DatasetGroup"], Next="Solution"),
        "Solution": describing("Solution", world.arns["Solution"] + "x", End=True, Catch=[MISSING]),
        "Put": {
            "Type": "Task",
            "Resource": f"{task}personalizeevents:putEvents",
            "Parameters": put,
            "End": True,
            "ResultPath": "$.Put",
        },
    }
    machines = boto3.client("stepfunctions")
    definition = json.dumps({"StartAt": "Group", "States": states})
    machine = machines.create_state_machine(name=unique("machine"), definition=definition, roleArn=ROLE)
    run = machines.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    while (ended := machines.describe_execution(executionArn=run))["status"] == "RUNNING":
        time.sleep(0.02)
    assert ended["status"] == "SUCCEEDED", ended
    group = json.loads(ended["output"])["DatasetGroup"]["DatasetGroup"]
    assert group["DatasetGroupArn"] == world.arns["DatasetGroup"]


# Waiting


def test_a_waiter_of_a_programs_own_ends(world: World, personalize: Any) -> None:
    ends = {"ACTIVE": "success", "CREATE FAILED": "failure"}
    acceptors = [
        {"matcher": "path", "argument": "campaign.status", "expected": status, "state": state}
        for status, state in ends.items()
    ]
    waiter = {"operation": "DescribeCampaign", "delay": 0.02, "maxAttempts": 500, "acceptors": acceptors}
    model = WaiterModel({"version": 2, "waiters": {"CampaignActive": waiter}})
    campaign = world.make("Campaign", settled=False)
    create_waiter_with_client("CampaignActive", model, personalize).wait(campaignArn=campaign)
    assert world.describe("Campaign", campaign)["status"] == "ACTIVE"


def test_the_latest_version_is_seen_in_its_solution_at_once(world: World, personalize: Any) -> None:
    solution = world.make("Solution", settled=False)
    version = personalize.create_solution_version(solutionArn=solution, trainingMode="FULL")["solutionVersionArn"]
    latest = personalize.describe_solution(solutionArn=solution)["solution"]["latestSolutionVersion"]
    assert (latest["solutionVersionArn"], latest["status"]) == (version, "CREATE PENDING")


def test_a_campaign_is_compared_with_what_is_wanted_and_updated(world: World, personalize: Any) -> None:
    wanted = {"minProvisionedTPS": 1, "campaignConfig": {"itemExplorationConfig": {"explorationWeight": "0.3"}}}
    campaign = world.make("Campaign", **wanted)
    described = world.describe("Campaign", campaign)
    assert {name: described[name] for name in wanted} == wanted
    assert "latestCampaignUpdate" not in described
    personalize.update_campaign(campaignArn=campaign, minProvisionedTPS=2)
    while (described := world.describe("Campaign", campaign))["latestCampaignUpdate"]["status"] != "ACTIVE":
        time.sleep(0.02)
    assert described["latestCampaignUpdate"]["lastUpdatedDateTime"] > described["creationDateTime"]
    assert described["minProvisionedTPS"] == 2


def test_a_limit_is_waited_out(world: World, personalize: Any) -> None:
    jobs, refused = [], 0
    while len(jobs) < 6:
        try:
            jobs.append(world.make("DatasetImportJob", settled=False))
        except personalize.exceptions.LimitExceededException:
            refused += 1
            time.sleep(0.05)
    assert refused
    assert all(world.settle("DatasetImportJob", job) for job in jobs)


def test_metrics_of_versions_make_a_table(world: World, personalize: Any) -> None:
    versions = [world.versions[name] for name in ("sims", "popularity-count")]
    answers = [personalize.get_solution_metrics(solutionVersionArn=version)["metrics"] for version in versions]
    table = pd.DataFrame(answers, index=versions)
    names = ["normalized_discounted_cumulative_gain_at_", "precision_at_"]
    assert {f"{name}{k}" for name in names for k in (5, 10, 25)} | {"coverage"} <= set(table.columns)
    assert table.dtypes.eq(float).all()


# Data as it is


@pytest.fixture
def role(embedded: Any) -> Iterator[str]:
    """A role as the notebooks make and remove it."""
    iam = boto3.client("iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    made = iam.create_role(RoleName=unique("notebook-role"), AssumeRolePolicyDocument=document)["Role"]
    iam.attach_role_policy(RoleName=made["RoleName"], PolicyArn=FULL_ACCESS)
    yield made["Arn"]
    for policy in iam.list_attached_role_policies(RoleName=made["RoleName"])["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=made["RoleName"], PolicyArn=policy["PolicyArn"])
    iam.delete_role(RoleName=made["RoleName"])


def ratings() -> pd.DataFrame:
    """Films rated by numbered users, with a column that nobody asked for."""
    rng = np.random.default_rng(8)
    n = 1200
    columns = {"USER_ID": rng.integers(1, 80, n), "ITEM_ID": rng.integers(1, 60, n), "RATING": rng.integers(1, 6, n)}
    return pd.DataFrame({**columns, "TIMESTAMP": 1_100_000_000 + np.arange(n), "EVENT_TYPE": "watch"})


def test_a_frame_written_with_its_index_is_imported_under_a_role_of_its_own(
    role: str, world: World, checked: Client, tmp_path: Any
) -> None:
    """Numbers as ids, rows out of order, an unnamed index column and a column the schema lacks."""
    shop = shops.open_shop(checked)
    shops.add_dataset(shop, "Interactions", shops.schema("Interactions", {"name": "EVENT_TYPE", "type": "string"}))
    ratings().sample(frac=1, random_state=1).to_csv(tmp_path / "ratings.csv")
    s3 = boto3.Session().resource("s3").Bucket(shop.bucket)
    statement = TRUST | {"Action": ["s3:GetObject", "s3:ListBucket"], "Resource": f"arn:aws:s3:::{shop.bucket}/*"}
    s3.Policy().put(Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    s3.Object("data/ratings.csv").upload_file(str(tmp_path / "ratings.csv"))
    job = shops.import_csv(shop, "Interactions", f"s3://{shop.bucket}/data/ratings.csv", roleArn=role)
    assert job["status"] == "ACTIVE", job


@pytest.mark.parametrize("kind", ["interactions", "users", "Items", "ActionInteractions"])
def test_a_schema_may_name_its_type_in_small_letters_and_no_version(kind: str, world: World) -> None:
    record = json.loads(SCHEMAS["Action_Interactions" if "Action" in kind else kind.capitalize()])
    del record["version"]
    schema = world.make("Schema", schema=json.dumps(record | {"name": kind}))
    dataset = world.make("Dataset", schemaArn=schema, datasetType=kind.replace("nI", "n_I"))
    assert world.describe("Dataset", dataset)["schemaArn"] == schema


# Events as they come


def event(**members: Any) -> dict[str, Any]:
    return {"eventType": "view", "sentAt": 1_720_000_000, **members}


@pytest.mark.parametrize(
    "members",
    [
        {"properties": json.dumps({"itemId": "i3"})},
        {"properties": json.dumps({"itemId": "i3", "eventValue": 4.5, "discount": "Yes"})},
        {"itemId": "i3", "sentAt": datetime(2024, 7, 3, 12, 0, 0, 123000)},
        {"itemId": "i3", "sentAt": datetime.now(UTC), "eventValue": 1, "impression": ["i3", "i4"]},
        {"itemId": "i3", "sentAt": time.time(), "eventType": "A type nobody trained on"},
        {"itemId": "no-such-item", "eventId": "e-1"},
    ],
)
def test_events_are_taken_as_programs_write_them(members: dict[str, Any], world: World, events: Any) -> None:
    for who in ({"userId": "u1"}, {}):
        answer = events.put_events(
            trackingId=world.tracking_id, sessionId=unique("session"), **who, eventList=[event(**members)]
        )
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_lambda_puts_the_body_of_a_request(world: World, events: Any, runtime: Any) -> None:
    """A new visitor clicks through an API; what was shown is told with the id of its recommendation."""
    visitor = unique("visitor")
    shown = runtime.get_recommendations(campaignArn=world.campaigns["user-personalization"], userId=visitor)
    body = json.loads(json.dumps({"userId": visitor, "item": shown["itemList"][3]["itemId"], "at": time.time()}))
    seen = {"recommendationId": shown["recommendationId"], "impression": [e["itemId"] for e in shown["itemList"]]}
    clicked = event(itemId=body["item"], sentAt=int(body["at"]), **seen)
    events.put_events(trackingId=world.tracking_id, userId=visitor, sessionId=visitor, eventList=[clicked])
    after = runtime.get_recommendations(campaignArn=world.campaigns["user-personalization"], userId=visitor)
    assert after["itemList"] != shown["itemList"]


def test_a_stream_is_put_in_batches_of_ten(world: World, events: Any) -> None:
    clicks = [event(itemId=f"i{n % 60}", sentAt=1_720_000_000 + n) for n in range(35)]
    sizes = []
    for first in range(0, len(clicks), 10):
        batch = clicks[first : first + 10]
        events.put_events(trackingId=world.tracking_id, userId="streamed", sessionId="s", eventList=batch)
        sizes.append(len(batch))
    assert sizes == [10, 10, 10, 5]


def test_a_tracker_takes_events_as_soon_as_it_has_an_id(world: World, personalize: Any, events: Any) -> None:
    """Notebooks put events in the cell below the one that creates the tracker, and nobody waits between them."""
    made = personalize.create_event_tracker(name=unique("x"), datasetGroupArn=world.group())
    answer = events.put_events(trackingId=made["trackingId"], sessionId="first", eventList=[event(itemId="i1")])
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_properties_of_items_have_camel_case_names(world: World, events: Any, runtime: Any) -> None:
    """A new item among the others is found by a filter on what its properties say."""
    item = unique("item")
    properties = json.dumps({"category": "c1|wild", "price": 12.5, "creationTimestamp": int(time.time())})
    items = [{"itemId": item, "properties": properties}]
    events.put_items(datasetArn=world.shop.datasets["Items"], items=items)
    chosen = world.make("Filter", filterExpression='INCLUDE ItemID WHERE Items.CATEGORY IN ("wild")')
    asked = {"campaignArn": world.campaigns["personalized-ranking"], "userId": "u1", "filterArn": chosen}
    ranked = runtime.get_personalized_ranking(**asked, inputList=["i1", item])["personalizedRanking"]
    assert [entry["itemId"] for entry in ranked] == [item]


# Answers as they are read


def test_related_items_do_not_mind_a_user(world: World, runtime: Any) -> None:
    campaign = world.make("Campaign", solutionVersionArn=world.versions["sims"])
    asked = [{"itemId": "i7"}, {"itemId": "i7", "userId": "u1", "context": {"DEVICE": "phone"}}]
    answers = [runtime.get_recommendations(campaignArn=campaign, numResults=10, **request) for request in asked]
    first, second = ([entry["itemId"] for entry in answer["itemList"]] for answer in answers)
    assert first == second
    assert "i7" not in first


def test_a_user_nobody_knows_gets_a_full_list(world: World, runtime: Any) -> None:
    answer = runtime.get_recommendations(
        campaignArn=world.campaigns["user-personalization"], userId=str(10**9), itemId="i1"
    )
    assert len({entry["itemId"] for entry in answer["itemList"]}) == 25


def test_search_results_are_ranked_again_with_a_score_or_none(world: World, runtime: Any) -> None:
    """Duplicates and items that nobody has seen are what search brings; a Lambda returns the answer as JSON."""
    found = ["i9", "i3", "unseen", "i3", "i21"]
    campaign = world.campaigns["personalized-ranking"]
    answer = runtime.get_personalized_ranking(campaignArn=campaign, userId="u1", inputList=found)
    ranked = json.loads(json.dumps(answer))["personalizedRanking"]
    scores = [float(entry.get("score", 0)) for entry in ranked]
    assert {entry["itemId"] for entry in ranked} == set(found)
    assert scores == sorted(scores, reverse=True)
    assert ranked[-1] == {"itemId": "unseen"}


def test_metadata_is_read_under_camel_case_names(world: World, runtime: Any) -> None:
    """TITLE is asked for and `title` is read."""
    campaign = world.make("Campaign", campaignConfig={"enableMetadataWithRecommendations": True})
    asked = {"metadataColumns": {"ITEMS": ["TITLE", "CREATION_TIMESTAMP"]}, "numResults": 20}
    for entry in runtime.get_recommendations(campaignArn=campaign, userId="u1", **asked)["itemList"]:
        number = int(entry["itemId"][1:])
        assert entry["metadata"] == {"title": f"Item {number}", "creationTimestamp": str(1_600_000_000 + number)}


# Filters as shops write them


@pytest.mark.parametrize(
    "expression",
    [
        'EXCLUDE ItemID WHERE INTERACTIONS.event_type IN ("Purchase")',
        'EXCLUDE ItemID WHERE ITEMS.CATEGORY NOT IN ("c 1", "hot & cold", "d2")',
        'EXCLUDE ItemID WHERE INTERACTIONS.event_type IN ("*") | INCLUDE ItemID WHERE ITEMS.CATEGORY IN ($CATEGORIES)',
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("c1") AND Items.PRICE >= $FLOOR AND Items.PRICE < 80.5',
        "INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP > 1600000010 IF CurrentUser.AGE > 20",
    ],
)
def test_a_filter_of_the_wild_is_created_and_used(expression: str, world: World, runtime: Any) -> None:
    chosen = world.make("Filter", filterExpression=expression)
    categories = ["c1", "d2"]
    values = {"CATEGORIES": ",".join(f'"{each}"' for each in categories), "FLOOR": str(3)}
    given = {name: value for name, value in values.items() if f"${name}" in expression}
    answer = runtime.get_recommendations(
        campaignArn=world.campaigns["user-personalization"], userId="u1", filterArn=chosen, filterValues=given
    )
    assert answer["itemList"]


# Batches


def test_answers_of_a_batch_are_read_from_the_root_of_a_bucket(world: World, personalize: Any) -> None:
    s3, users = boto3.client("s3"), ["u1", "u2", "nobody"]
    lines = "\n".join(json.dumps({"userId": user}) for user in users)
    s3.put_object(Bucket=world.shop.bucket, Key="root_input.json", Body=lines)
    source = {"s3DataSource": {"path": f"s3://{world.shop.bucket}/root_input.json"}}
    job = world.make(
        "BatchInferenceJob", jobInput=source, jobOutput={"s3DataDestination": {"path": f"s3://{world.shop.bucket}"}}
    )
    written = s3.get_object(Bucket=world.shop.bucket, Key="root_input.json.out")["Body"].iter_lines()
    answers = {line["input"]["userId"]: line["output"]["recommendedItems"] for line in map(json.loads, written)}
    listed = personalize.list_batch_inference_jobs(solutionVersionArn=world.versions["user-personalization"])
    assert [len(answers[user]) for user in users] == [25, 25, 25]
    assert job in [entry["batchInferenceJobArn"] for entry in listed["batchInferenceJobs"]]


# Taking it down


def stock(personalize: Any, name: str) -> str:
    """A group with a dataset, a tracker, a filter and a solution, all of one name; its ARN."""
    group = personalize.create_dataset_group(name=name)["datasetGroupArn"]
    shops.settled(personalize.describe_dataset_group, "datasetGroup", datasetGroupArn=group)
    schema = personalize.create_schema(name=name, schema=shops.INTERACTIONS)["schemaArn"]
    dataset = {"datasetGroupArn": group, "datasetType": "INTERACTIONS", "schemaArn": schema}
    personalize.create_dataset(name=name, **dataset)
    personalize.create_event_tracker(name=name, datasetGroupArn=group)
    expression = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")'
    personalize.create_filter(name=name, datasetGroupArn=group, filterExpression=expression)
    recipe = {"recipeArn": f"{RECIPE}aws-popularity-count", "performAutoTraining": False}
    personalize.create_solution(name=name, datasetGroupArn=group, **recipe)
    return group


def listed(personalize: Any, kind: str, group: str) -> list[str]:
    answer = getattr(personalize, operation("list", kind) + "s")(datasetGroupArn=group, maxResults=100)
    return [entry[member(kind)] for entry in next(value for value in answer.values() if isinstance(value, list))]


def delete(personalize: Any, kind: str, arn: str) -> None:
    """Once a minute on AWS: again while something is in the way, until it is not found."""
    while True:
        try:
            getattr(personalize, operation("delete", kind))(**{member(kind): arn})
        except personalize.exceptions.ResourceInUseException:
            pass
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ResourceNotFoundException"
            return
        time.sleep(0.05)


def sweep(personalize: Any, group: str) -> None:
    """Everything that lists name, in the order of the samples; schemas by the datasets that have them."""
    datasets = listed(personalize, "Dataset", group)
    schemas = [personalize.describe_dataset(datasetArn=arn)["dataset"]["schemaArn"] for arn in datasets]
    for kind in ("EventTracker", "Filter", "Solution", "Dataset"):
        for arn in listed(personalize, kind, group):
            delete(personalize, kind, arn)
    for schema in schemas:
        delete(personalize, "Schema", schema)
    delete(personalize, "DatasetGroup", group)


def test_a_program_runs_again_under_the_same_names_after_its_sweep(personalize: Any, embedded: Any) -> None:
    name = unique("again")
    for _ in range(2):
        group = stock(personalize, name)
        sweep(personalize, group)
        groups = personalize.get_paginator("list_dataset_groups").paginate().build_full_result()["datasetGroups"]
        assert group not in [entry["datasetGroupArn"] for entry in groups]


def test_a_cleaner_waits_for_each_delete_by_describing(world: World, personalize: Any) -> None:
    """It takes out of its list what is not found while it walks over it, and looks once a round."""
    left = [world.make("Filter") for _ in range(3)]
    for arn in left:
        personalize.delete_filter(filterArn=arn)
    while left:
        for arn in left:
            try:
                assert personalize.describe_filter(filterArn=arn)["filter"]["status"].startswith("DELETE")
            except personalize.exceptions.ResourceNotFoundException:
                left.remove(arn)
        time.sleep(0.02)
