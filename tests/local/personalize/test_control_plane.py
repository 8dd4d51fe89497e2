"""Create, Describe, List, Delete, tags and what is refused."""

import json
import time
from typing import Any

import personalize_shop as shops
import pytest
from personalize_shop import INTERACTIONS, ITEMS, RECIPE, Client, refused, schema, unique


@pytest.fixture
def personalize(client: Client) -> Any:
    return client("personalize")


def test_a_dataset_group_goes_through_pending_and_in_progress_to_active(personalize: Any) -> None:
    arn = personalize.create_dataset_group(name=unique("group"))["datasetGroupArn"]
    seen = []
    while "ACTIVE" not in seen:
        status = personalize.describe_dataset_group(datasetGroupArn=arn)["datasetGroup"]["status"]
        seen += [] if status in seen else [status]
    assert seen == ["CREATE PENDING", "CREATE IN_PROGRESS", "ACTIVE"]


def test_a_delete_is_seen_before_the_resource_is_gone(client: Client, personalize: Any) -> None:
    shop = shops.open_shop(client)
    personalize.delete_dataset_group(datasetGroupArn=shop.group)
    seen = shops.gone(client, personalize.describe_dataset_group, datasetGroupArn=shop.group)
    in_order = list(dict.fromkeys(seen))
    assert in_order in (["DELETE PENDING", "DELETE IN_PROGRESS"], ["DELETE IN_PROGRESS"])  # who is slow sees the last


def test_a_program_that_looks_late_still_sees_the_delete_once(client: Client, personalize: Any) -> None:
    shop = shops.open_shop(client)
    personalize.delete_dataset_group(datasetGroupArn=shop.group)
    while shop.group in [g["datasetGroupArn"] for g in personalize.list_dataset_groups()["datasetGroups"]]:
        time.sleep(0.02)
    assert shops.gone(client, personalize.describe_dataset_group, datasetGroupArn=shop.group) == ["DELETE IN_PROGRESS"]


def test_a_deleted_name_can_be_used_again(client: Client, personalize: Any) -> None:
    arn = personalize.create_schema(name=unique("schema"), schema=INTERACTIONS)["schemaArn"]
    name = arn.rpartition("/")[2]
    personalize.delete_schema(schemaArn=arn)
    assert personalize.create_schema(name=name, schema=INTERACTIONS)["schemaArn"] == arn


def test_arns_have_the_form_aws_gives_them(shop: shops.Shop, versions: dict[str, str]) -> None:
    prefix = "arn:aws:personalize:us-east-1:000000000000:"
    assert shop.group == f"{prefix}dataset-group/{shop.name}"
    assert shop.datasets["Interactions"] == f"{prefix}dataset/{shop.name}/INTERACTIONS"
    solution, _, version = versions["aws-popularity-count"].rpartition("/")
    assert solution.startswith(f"{prefix}solution/aws-popularity-count")
    assert len(version) == 8


def test_a_name_in_use_is_refused(personalize: Any) -> None:
    name = unique("schema")
    personalize.create_schema(name=name, schema=INTERACTIONS)
    code, message, status = refused(personalize.create_schema, name=name, schema=INTERACTIONS)
    assert (code, status) == ("ResourceAlreadyExistsException", 400)
    assert f"schema/{name} already exists" in message


@pytest.mark.parametrize(
    ("request_", "constraint"),
    [
        ({}, "Value at 'name' failed to satisfy constraint: Member must not be null"),
        ({"name": "-x"}, "regular expression pattern: ^[a-zA-Z0-9]"),
        ({"name": "n" * 64}, "length less than or equal to 63"),
        ({"name": ""}, "length greater than or equal to 1"),
        ({"name": 7}, "must be of type String, not int"),
        ({"name": "ok", "domain": "SHOES"}, "enum value set: [ECOMMERCE, VIDEO_ON_DEMAND]"),
        ({"name": "ok", "tags": [{"tagKey": "k"}]}, "Value at 'tags.1.member.tagValue'"),
        ({"name": "ok", "roleArn": "arn:x"}, "regular expression pattern: arn:"),
        ({"name": "gruppe-ß"}, "regular expression pattern"),
    ],
)
def test_what_breaks_the_input_shape_is_refused(raw: Client, request_: dict[str, Any], constraint: str) -> None:
    code, message, status = refused(raw("personalize").create_dataset_group, **request_)
    assert (code, status) == ("InvalidInputException", 400)
    assert message.startswith("1 validation error detected: Value")
    assert constraint in message


def test_what_the_shape_does_not_know_is_ignored(post: Any) -> None:
    status, answer = post("AmazonPersonalize.ListSchemas", {"maxResults": 1, "colour": "red"})
    assert status == 200
    assert "schemas" in answer


def test_an_operation_nobody_knows_is_unknown(post: Any) -> None:
    status, answer = post("AmazonPersonalize.MakeCoffee", {})
    assert (status, answer["__type"]) == (400, "UnknownOperationException")


def test_a_body_that_is_not_json_is_refused(post: Any) -> None:
    status, answer = post("AmazonPersonalize.ListSchemas", b"{")
    assert (status, answer["__type"]) == (400, "SerializationException")


def test_an_arn_of_another_kind_is_not_found(personalize: Any, shop: shops.Shop) -> None:
    code, _, _ = refused(personalize.update_campaign, campaignArn=shop.group, minProvisionedTPS=1)
    assert code == "ResourceNotFoundException"
    assert refused(personalize.get_solution_metrics, solutionVersionArn=shop.group)[0] == "ResourceNotFoundException"


def test_a_missing_parent_is_not_found(personalize: Any) -> None:
    nowhere = "arn:aws:personalize:us-east-1:000000000000:dataset-group/nowhere"
    made = personalize.create_schema(name=unique("schema"), schema=INTERACTIONS)["schemaArn"]
    code, message, _ = refused(
        personalize.create_dataset, name="x", schemaArn=made, datasetGroupArn=nowhere, datasetType="Interactions"
    )
    assert code == "ResourceNotFoundException"
    assert nowhere in message


def test_a_parent_of_the_wrong_kind_is_not_found(personalize: Any, versions: dict[str, str]) -> None:
    solution = versions["aws-popularity-count"].rpartition("/")[0]
    code, _, _ = refused(personalize.create_campaign, name="x", solutionVersionArn=solution)
    assert code == "ResourceNotFoundException"


@pytest.mark.parametrize("alone", ["kmsKeyArn", "roleArn"])
def test_a_groups_key_and_its_role_go_together(personalize: Any, alone: str) -> None:
    arn = {"kmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k", "roleArn": shops.ROLE}[alone]
    code, message, _ = refused(personalize.create_dataset_group, name=unique("group"), **{alone: arn})
    assert (code, "kmsKeyArn" in message and "roleArn" in message) == ("InvalidInputException", True)


def test_a_group_must_be_active_before_datasets(personalize: Any) -> None:
    made = personalize.create_schema(name=unique("schema"), schema=INTERACTIONS)["schemaArn"]
    group = personalize.create_dataset_group(name=unique("group"))["datasetGroupArn"]
    code, message, _ = refused(
        personalize.create_dataset, name="x", schemaArn=made, datasetGroupArn=group, datasetType="Interactions"
    )
    assert code == "ResourceInUseException"
    assert "is in status CREATE " in message and "must be ACTIVE" in message


def test_one_dataset_of_each_type(shop: shops.Shop) -> None:
    code, _, _ = refused(
        shop.client("personalize").create_dataset,
        name="another",
        schemaArn=shop.schemas["Items"],
        datasetGroupArn=shop.group,
        datasetType="ITEMS",
    )
    assert code == "ResourceAlreadyExistsException"


def test_a_schema_of_another_type_is_refused(client: Client, personalize: Any) -> None:
    made = personalize.create_schema(name=unique("schema"), schema=ITEMS)["schemaArn"]
    code, message, _ = refused(
        personalize.create_dataset,
        name="x",
        schemaArn=made,
        datasetGroupArn=shops.open_shop(client).group,
        datasetType="Users",
    )
    assert (code, message) == ("InvalidInputException", "A dataset of type USERS needs a schema named Users, not Items")


def test_a_dataset_of_an_unknown_type_or_another_domain_is_refused(client: Client, personalize: Any) -> None:
    group = shops.open_shop(client, domain="ECOMMERCE").group
    made = personalize.create_schema(name=unique("schema"), schema=ITEMS)["schemaArn"]
    for kind, reason in (("Orders", "Dataset type must be one of "), ("Items", "is for no domain, and dataset group")):
        request = {"name": "x", "schemaArn": made, "datasetGroupArn": group, "datasetType": kind}
        code, message, _ = refused(personalize.create_dataset, **request)
        assert (code, reason in message) == ("InvalidInputException", True), message


@pytest.mark.parametrize(
    ("latest", "config", "reason"),
    [
        (
            False,
            {"syncWithLatestSolutionVersion": True},
            "needs a solutionVersionArn in the format",
        ),
        (True, {"itemExplorationConfig": {"curiosity": "1"}}, "itemExplorationConfig has no curiosity; it has: "),
    ],
)
def test_a_campaign_that_cannot_be_is_refused(
    personalize: Any, versions: dict[str, str], latest: bool, config: dict[str, Any], reason: str
) -> None:
    version = versions["aws-user-personalization-v2"]
    arn = f"{version.rpartition('/')[0]}/$LATEST" if latest else version
    request = {"name": unique("c"), "solutionVersionArn": arn, "campaignConfig": config}
    code, message, _ = refused(personalize.create_campaign, **request)
    assert (code, reason in message) == ("InvalidInputException", True), message


def test_one_event_tracker_per_group(shop: shops.Shop, tracker: str) -> None:
    code, _, _ = refused(
        shop.client("personalize").create_event_tracker, name=unique("tracker"), datasetGroupArn=shop.group
    )
    assert code == "LimitExceededException"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not valid JSON"),
        ('{"type": "string"}', "must be an Avro record"),
        (schema("Items"), "at least one metadata field"),
        (schema("Items", {"name": "A_1", "type": "string"}, {"name": "A1", "type": "string"}), "must be unique"),
        (schema("Items", {"name": "A", "type": {"type": "array", "items": "string"}}), "unsupported type"),
        (schema("Users", {"name": "A", "type": "string", "textual": True}), "Only the Items schema"),
        (schema("Interactions", {"name": "EVENT_TYPE", "type": "long"}), "EVENT_TYPE of the Interactions schema"),
        (
            schema("Interactions").replace('"long"', '"string"'),
            "TIMESTAMP of the Interactions schema must be of type long",
        ),
        (schema("Interactions", *({"name": f"M{n}", "type": "float"} for n in range(6))), "6 metadata fields"),
        (schema("Items").replace('"Items"', "[]"), "must be one of"),
        ('{"type": "record", "name": "Users", "fields": [1, {"name": 2}]}', "needs a name and a type"),
        ("[" * 20000, "not valid JSON"),
        (schema("Items").replace('"Items"', '"Things"'), "must be one of"),
    ],
)
def test_a_schema_personalize_cannot_use_is_refused(personalize: Any, text: str, reason: str) -> None:
    code, message, _ = refused(personalize.create_schema, name=unique("schema"), schema=text)
    assert code == "InvalidInputException"
    assert reason in message


@pytest.mark.parametrize("version", ["1.0", 1])
@pytest.mark.parametrize("union", [["null", "string"], ["string", "null"]])
def test_schemas_as_programs_in_the_wild_write_them(personalize: Any, version: Any, union: list[str]) -> None:
    record = json.loads(schema("Items", {"name": "GENRE", "type": union, "categorical": True})) | {"version": version}
    arn = personalize.create_schema(name=unique("schema"), schema=json.dumps(record))["schemaArn"]
    described = personalize.describe_schema(schemaArn=arn)["schema"]
    assert json.loads(described["schema"]) == record
    assert "status" not in described


def test_a_list_gives_summaries_and_a_describe_the_whole(personalize: Any, shop: shops.Shop, tracker: str) -> None:
    (summary,) = personalize.list_event_trackers(datasetGroupArn=shop.group)["eventTrackers"]
    described = personalize.describe_event_tracker(eventTrackerArn=summary["eventTrackerArn"])["eventTracker"]
    assert "trackingId" not in summary
    assert described["trackingId"] == tracker
    assert described["accountId"] == "000000000000"


def test_the_dataset_of_a_tracker_is_not_listed_and_can_be_described(shop: shops.Shop, tracker: str) -> None:
    personalize = shop.client("personalize")
    listed = [entry["datasetType"] for entry in personalize.list_datasets(datasetGroupArn=shop.group)["datasets"]]
    hidden = shop.datasets["Items"].replace("ITEMS", "EVENT_INTERACTIONS")
    assert sorted(listed) == ["INTERACTIONS", "ITEMS", "USERS"]
    assert personalize.describe_dataset(datasetArn=hidden)["dataset"]["status"] == "ACTIVE"


def test_pages_join_to_the_whole_through_boto3s_paginator(personalize: Any) -> None:
    made = [personalize.create_schema(name=unique("page"), schema=INTERACTIONS)["schemaArn"] for _ in range(5)]
    pages = list(personalize.get_paginator("list_schemas").paginate(PaginationConfig={"PageSize": 2}))
    listed = [entry["schemaArn"] for page in pages for entry in page["schemas"]]
    assert len(pages) >= 3
    assert [arn for arn in listed if arn in made] == made
    assert len(listed) == len(set(listed))


def test_a_token_of_another_list_is_refused(personalize: Any) -> None:
    for name in ("one", "two"):
        personalize.create_schema(name=unique(name), schema=INTERACTIONS)
    token = personalize.list_schemas(maxResults=1)["nextToken"]
    assert refused(personalize.list_filters, nextToken=token)[0] == "InvalidNextTokenException"
    assert refused(personalize.list_schemas, nextToken="made-up")[0] == "InvalidNextTokenException"


def test_list_campaigns_takes_the_arn_of_a_solution_or_of_a_version(
    personalize: Any, versions: dict[str, str], campaigns: dict[str, str]
) -> None:
    version = versions["aws-popularity-count"]
    for arn in (version, version.rpartition("/")[0]):
        listed = personalize.list_campaigns(solutionArn=arn)["campaigns"]
        assert [entry["campaignArn"] for entry in listed] == [campaigns["aws-popularity-count"]]


def test_list_campaigns_works_in_the_ordinary_command_line(aws: Any, campaigns: dict[str, str]) -> None:
    listed = [entry["campaignArn"] for entry in json.loads(aws("personalize", "list-campaigns"))["campaigns"]]
    assert set(campaigns.values()) <= set(listed)


def test_tags_are_set_replaced_and_removed(client: Client, personalize: Any) -> None:
    arn = personalize.create_dataset_group(name=unique("group"), tags=[{"tagKey": "a", "tagValue": "1"}])[
        "datasetGroupArn"
    ]
    personalize.tag_resource(resourceArn=arn, tags=[{"tagKey": "a", "tagValue": "2"}, {"tagKey": "b", "tagValue": ""}])
    personalize.untag_resource(resourceArn=arn, tagKeys=["b"])
    assert personalize.list_tags_for_resource(resourceArn=arn)["tags"] == [{"tagKey": "a", "tagValue": "2"}]


def test_more_than_fifty_tags_are_too_many(personalize: Any) -> None:
    arn = personalize.create_dataset_group(name=unique("group"))["datasetGroupArn"]
    tags = [{"tagKey": f"k{n}", "tagValue": "v"} for n in range(51)]
    assert refused(personalize.tag_resource, resourceArn=arn, tags=tags)[0] == "TooManyTagsException"
    assert personalize.list_tags_for_resource(resourceArn=arn)["tags"] == []


def test_recipes_are_described_and_their_algorithms_too(personalize: Any) -> None:
    recipe = personalize.describe_recipe(recipeArn=RECIPE + "aws-sims")["recipe"]
    algorithm = personalize.describe_algorithm(algorithmArn=recipe["algorithmArn"])["algorithm"]
    assert recipe["recipeType"] == "RELATED_ITEMS"
    assert algorithm["defaultHyperParameters"]["popularity_discount_factor"] == "0.5"
    assert refused(personalize.describe_recipe, recipeArn=RECIPE + "aws-magic")[0] == "ResourceNotFoundException"


def test_list_recipes_pages_by_name_and_filters_by_domain_then(personalize: Any) -> None:
    first = personalize.list_recipes(domain="VIDEO_ON_DEMAND", maxResults=5)
    pages = personalize.get_paginator("list_recipes").paginate(domain="VIDEO_ON_DEMAND")
    names = [recipe["name"] for page in pages for recipe in page["recipes"]]
    assert first["recipes"] == []
    assert "nextToken" in first
    assert names and all(name.startswith("aws-vod-") for name in names)


def test_things_are_deleted_in_order(client: Client, personalize: Any) -> None:
    shop = shops.open_shop(client)
    dataset = shops.add_dataset(shop, "Interactions", INTERACTIONS)
    tracker = personalize.create_event_tracker(name=unique("tracker"), datasetGroupArn=shop.group)["eventTrackerArn"]
    shops.settled(personalize.describe_event_tracker, "eventTracker", eventTrackerArn=tracker)
    assert refused(personalize.delete_dataset_group, datasetGroupArn=shop.group)[0] == "ResourceInUseException"
    assert refused(personalize.delete_schema, schemaArn=shop.schemas["Interactions"])[0] == "ResourceInUseException"
    personalize.delete_dataset(datasetArn=dataset)
    assert shops.gone(client, personalize.describe_dataset, datasetArn=dataset)
    personalize.delete_schema(schemaArn=shop.schemas["Interactions"])
    assert refused(personalize.delete_dataset_group, datasetGroupArn=shop.group)[0] == "ResourceInUseException"
    personalize.delete_event_tracker(eventTrackerArn=tracker)
    assert shops.gone(client, personalize.describe_event_tracker, eventTrackerArn=tracker)
    personalize.delete_dataset_group(datasetGroupArn=shop.group)
    assert shops.gone(client, personalize.describe_dataset_group, datasetGroupArn=shop.group)


def test_a_schema_that_a_dataset_is_being_updated_to_cannot_be_deleted(client: Client, personalize: Any) -> None:
    shop = shops.open_shop(client)
    dataset = shops.add_dataset(shop, "Items", shops.ITEMS)
    shops.settled(personalize.describe_dataset, "dataset", datasetArn=dataset)
    field = {"name": "COLOUR", "type": ["null", "string"], "categorical": True}
    text = json.loads(shops.ITEMS)
    new = personalize.create_schema(name=unique("new"), schema=json.dumps({**text, "fields": [*text["fields"], field]}))
    personalize.update_dataset(datasetArn=dataset, schemaArn=new["schemaArn"])
    code, message, _ = refused(personalize.delete_schema, schemaArn=new["schemaArn"])
    assert (code, message.endswith(f"{dataset} is being updated")) == ("ResourceInUseException", True)
    shops.updated(personalize.describe_dataset, "dataset", "latestDatasetUpdate", datasetArn=dataset)
    personalize.delete_schema(schemaArn=shop.schemas["Items"])


def test_a_solution_with_a_campaign_cannot_be_deleted(
    personalize: Any, versions: dict[str, str], campaigns: dict[str, str]
) -> None:
    code, message, _ = refused(
        personalize.delete_solution, solutionArn=versions["aws-popularity-count"].rpartition("/")[0]
    )
    assert code == "ResourceInUseException"
    assert campaigns["aws-popularity-count"] in message


def test_nothing_begins_under_a_solution_that_is_being_deleted(shop: shops.Shop, personalize: Any) -> None:
    version = shops.trained_version(shop, "aws-popularity-count")
    solution = version.rpartition("/")[0]
    personalize.delete_solution(solutionArn=solution)
    following = {"campaignConfig": {"syncWithLatestSolutionVersion": True}}
    for arn, config in ((version, {}), (f"{solution}/$LATEST", following)):
        code, message, _ = refused(personalize.create_campaign, name=unique("c"), solutionVersionArn=arn, **config)
        assert code == "ResourceInUseException"
        assert "DELETE" in message


def test_a_solution_is_in_use_by_the_campaign_that_leaves_it_and_by_the_one_that_comes(
    client: Client, shop: shops.Shop, personalize: Any
) -> None:
    old, new = (shops.trained_version(shop, "aws-popularity-count") for _ in range(2))
    campaign, solutions = shops.deploy(shop, old), [version.rpartition("/")[0] for version in (old, new)]
    personalize.update_campaign(campaignArn=campaign, solutionVersionArn=new)
    for solution in solutions:
        code, message, _ = refused(personalize.delete_solution, solutionArn=solution)
        assert (code, campaign in message) == ("ResourceInUseException", True)
    assert [e["campaignArn"] for e in personalize.list_campaigns(solutionArn=solutions[0])["campaigns"]] == [campaign]
    shops.updated(personalize.describe_campaign, "campaign", "latestCampaignUpdate", campaignArn=campaign)
    personalize.delete_solution(solutionArn=solutions[0])
    assert refused(personalize.delete_solution, solutionArn=solutions[1])[0] == "ResourceInUseException"
    personalize.delete_campaign(campaignArn=campaign)
    shops.gone(client, personalize.describe_campaign, campaignArn=campaign)
    personalize.delete_solution(solutionArn=solutions[1])


def test_a_solution_that_is_being_updated_cannot_be_deleted(shop: shops.Shop, personalize: Any) -> None:
    solution = personalize.create_solution(
        name=unique("solution"), datasetGroupArn=shop.group, recipeArn=f"{RECIPE}aws-sims", performAutoTraining=False
    )["solutionArn"]
    shops.settled(personalize.describe_solution, "solution", solutionArn=solution)
    personalize.update_solution(solutionArn=solution, performAutoTraining=True)
    code, message, _ = refused(personalize.delete_solution, solutionArn=solution)
    assert (code, "is being updated" in message) == ("ResourceInUseException", True)
    shops.updated(personalize.describe_solution, "solution", "latestSolutionUpdate", solutionArn=solution)
    personalize.delete_solution(solutionArn=solution)


def test_what_is_not_there_cannot_be_deleted(personalize: Any) -> None:
    arn = "arn:aws:personalize:us-east-1:000000000000:campaign/none"
    assert refused(personalize.delete_campaign, campaignArn=arn)[0] == "ResourceNotFoundException"
    assert refused(personalize.describe_campaign, campaignArn=arn)[0] == "ResourceNotFoundException"
