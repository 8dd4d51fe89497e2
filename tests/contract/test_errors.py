"""Every error botocore's models document for an operation, brought about once by a plain program.

Each must be in a table below. For NO_QUOTA "over the limit" means requests per second only: test_rate.py shows them.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError
from granted import GRANTED, KINDS, MODELS, call, inactive_recommender, training
from shapes import modelled
from waiting import eventually
from world import World, member, operation, unique

Program = Callable[[World], tuple[str, dict[str, Any]] | dict[str, Any]]

NO_QUOTA = ("personalize.create_dataset", "personalize.tag_resource", "personalize.update_solution")


def pairs(code: str) -> list[str]:
    """Operations that model an error."""
    return sorted(name for name, model in MODELS.items() if code in modelled(model))


def code_of(client_of: Callable[[str], Any], name: str, request: dict[str, Any]) -> str:
    """The error code of a call that must be refused."""
    with pytest.raises(ClientError) as refused:
        call(client_of, name, request)
    return refused.value.response["Error"]["Code"]


@pytest.mark.parametrize("name", pairs("InvalidInputException"))
def test_a_member_of_the_wrong_type_is_invalid_input(name: str, unchecked: Callable[[str], Any]) -> None:
    members = MODELS[name].input_shape.members
    text = next((each for each, shape in members.items() if shape.type_name == "string"), next(iter(members)))
    assert code_of(unchecked, name, {text: ["not", {"this": 1}]}) == "InvalidInputException"


@pytest.mark.parametrize("name", pairs("InvalidNextTokenException"))
def test_a_made_up_token_is_an_invalid_next_token(name: str, world: World, checked: Callable[[str], Any]) -> None:
    assert code_of(checked, name, GRANTED[name](world) | {"nextToken": "made-up"}) == "InvalidNextTokenException"


@pytest.mark.parametrize("name", pairs("ResourceNotFoundException"))
def test_what_does_not_exist_is_not_found(name: str, world: World, checked: Callable[[str], Any]) -> None:
    request = {"solutionArn": world.arns["Solution"]} if name.endswith("list_solution_versions") else None
    request = request or GRANTED[name](world)
    lost = next(key for key in request if (key.endswith("Arn") and key != "roleArn") or key == "trackingId")
    nowhere = "nowhere" if lost == "trackingId" else request[lost].rpartition("/")[0] + "/nowhere"
    assert code_of(checked, name, request | {lost: nowhere}) == "ResourceNotFoundException"


@pytest.mark.parametrize("name", [name for name in pairs("ResourceAlreadyExistsException") if ".create_" in name])
def test_a_name_in_use_already_exists(name: str, world: World, checked: Callable[[str], Any]) -> None:
    request = GRANTED[name](world)
    if name.endswith("create_solution_version"):
        request["name"] = unique("version")
    call(checked, name, request)
    assert code_of(checked, name, request) == "ResourceAlreadyExistsException"


def test_a_metric_in_use_already_exists(world: World, checked: Callable[[str], Any]) -> None:
    name = "personalize.update_metric_attribution"
    request = GRANTED[name](world)
    call(checked, name, request)
    world.settle("MetricAttribution", request["metricAttributionArn"])
    assert code_of(checked, name, request) == "ResourceAlreadyExistsException"


@pytest.mark.parametrize("name", pairs("TooManyTagsException"))
def test_fifty_one_tags_are_too_many(name: str, world: World, unchecked: Callable[[str], Any]) -> None:
    tags = [{"tagKey": f"k{number}", "tagValue": "v"} for number in range(51)]
    assert code_of(unchecked, name, GRANTED[name](world) | {"tags": tags}) == "TooManyTagsException"


def test_fifty_one_tag_keys_are_too_many(world: World, unchecked: Callable[[str], Any]) -> None:
    keys = [f"k{number}" for number in range(51)]
    request = {"resourceArn": world.shop.group, "tagKeys": keys}
    assert code_of(unchecked, "personalize.untag_resource", request) == "TooManyTagKeysException"


def _in_creation(kind: str) -> Callable[[World], dict[str, Any]]:
    return lambda world: {member(kind): world.make(kind, settled=False)}


def _in_deletion(kind: str, key: str = "") -> Callable[[World], dict[str, Any]]:
    def asked(world: World) -> dict[str, Any]:
        arn = world.make(kind)
        getattr(world.personalize, operation("delete", kind))(**{member(kind): arn})
        return {key or member(kind): arn}

    return asked


def _under_new_group(kind: str) -> Callable[[World], dict[str, Any]]:
    return lambda world: {"datasetGroupArn": world.group(settled=False)}


def _put(kind: str) -> Callable[[World], dict[str, Any]]:
    """A dataset of a type that is being created."""

    def asked(world: World) -> dict[str, Any]:
        schema = world.personalize.describe_dataset(datasetArn=world.shop.datasets[kind])["dataset"]["schemaArn"]
        arn = world.make("Dataset", settled=False, schemaArn=schema, datasetType=kind)
        if kind != "Action_Interactions":
            return {"datasetArn": arn}
        return {"trackingId": world.describe("Dataset", arn)["trackingId"]}

    return asked


def _under_training(key: str = "solutionVersionArn") -> Callable[[World], dict[str, Any]]:
    return lambda world: {key: training(world)}


def _being_updated(world: World) -> dict[str, Any]:
    arn = world.make("Campaign")
    world.personalize.update_campaign(campaignArn=arn, minProvisionedTPS=3)
    return {"campaignArn": arn}


def _being_stopped(world: World) -> dict[str, Any]:
    arn = training(world)
    eventually(lambda: world.describe("SolutionVersion", arn)["status"] == "CREATE IN_PROGRESS")
    world.personalize.stop_solution_version_creation(solutionVersionArn=arn)
    return {"solutionVersionArn": arn}


# What to change in a granted request so that something it names is in use.
IN_USE: dict[str, Callable[[World], dict[str, Any]]] = {
    "create_dataset": _under_new_group("Dataset"),
    "create_data_deletion_job": _under_new_group("DataDeletionJob"),
    "create_event_tracker": _under_new_group("EventTracker"),
    "create_metric_attribution": _under_new_group("MetricAttribution"),
    "create_recommender": _under_new_group("Recommender"),
    "create_solution": _under_new_group("Solution"),
    "create_dataset_import_job": _in_deletion("Dataset"),
    "create_dataset_export_job": _in_deletion("Dataset"),
    "create_solution_version": _in_deletion("Solution"),
    "create_campaign": _under_training(),
    "create_batch_inference_job": _under_training(),
    "create_batch_segment_job": _under_training(),
    "get_solution_metrics": _under_training(),
    "stop_solution_version_creation": _being_stopped,
    "start_recommender": lambda world: {"recommenderArn": world.arns["Recommender"]},
    "stop_recommender": lambda world: {"recommenderArn": inactive_recommender(world)},
    "list_tags_for_resource": _in_deletion("Filter", "resourceArn"),
    "tag_resource": _in_deletion("Filter", "resourceArn"),
    "untag_resource": _in_deletion("Filter", "resourceArn"),
    "update_campaign": _being_updated,
    "delete_schema": lambda world: {"schemaArn": world.arns["Schema"]},
    "put_items": _put("Items"),
    "put_users": _put("Users"),
    "put_actions": _put("Actions"),
    "put_action_interactions": _put("Action_Interactions"),
    **{
        operation(verb, kind): _in_creation(kind)
        for verb, kinds in (
            ("delete", "Campaign Dataset DatasetGroup EventTracker Filter MetricAttribution Recommender Solution"),
            ("update", "Dataset MetricAttribution Recommender Solution"),
        )
        for kind in kinds.split()
    },
}


@pytest.mark.parametrize("name", pairs("ResourceInUseException"))
def test_what_is_in_use_is_refused_as_such(name: str, world: World, checked: Callable[[str], Any]) -> None:
    request = GRANTED[name](world)
    request |= IN_USE[name.split(".")[1]](world)  # last: what is being created will soon be there
    assert code_of(checked, name, request) == "ResourceInUseException"


BUSY_AT_ONCE = {
    "DatasetImportJob": 5,
    "DatasetExportJob": 5,
    "DataDeletionJob": 5,
    "BatchInferenceJob": 5,
    "BatchSegmentJob": 5,
    "SolutionVersion": 20,
}
PER_GROUP = {"EventTracker": 1, "MetricAttribution": 1, "Filter": 30, "Solution": 10}


@contextlib.contextmanager
def _at_a_standstill(server: int) -> Iterator[None]:
    """No job ends meanwhile, however slowly others are made."""
    processes = psutil.Process(server).children(recursive=True)
    workers = [each for each in processes if "recsys.local.personalize.jobs.zygote" in each.cmdline()]
    for each in workers:
        each.suspend()
    try:
        yield
    finally:
        for each in workers:
            each.resume()


@pytest.mark.parametrize("kind", BUSY_AT_ONCE)
def test_more_jobs_at_once_than_the_quota_are_over_the_limit(kind: str, world: World, embedded: Any) -> None:
    over = pytest.raises(world.personalize.exceptions.LimitExceededException, match="More than")
    with _removed(world) as made, _at_a_standstill(embedded.pid), over:
        for _ in range(BUSY_AT_ONCE[kind] + 1):
            made.append((kind, world.make(kind, settled=False)))


@pytest.mark.parametrize("kind", PER_GROUP)
def test_more_of_a_kind_than_a_group_may_have_are_over_the_limit(kind: str, world: World) -> None:
    group = world.group()
    if kind == "Filter":
        world.make("Dataset", group=group)
    change = (
        {"filterExpression": 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("view")'} if kind == "Filter" else {}
    )
    with pytest.raises(world.personalize.exceptions.LimitExceededException):
        for _ in range(PER_GROUP[kind] + 1):
            world.make(kind, settled=False, group=group, **change)


@pytest.mark.parametrize(("kind", "most"), [("Campaign", 5), ("Recommender", 5)])
def test_more_than_five_that_serve_are_over_the_limit(kind: str, most: int, world: World) -> None:
    with _removed(world) as made, pytest.raises(world.personalize.exceptions.LimitExceededException, match="5"):
        for _ in range(most + 1):
            made.append((kind, world.make(kind, settled=False)))


@pytest.mark.parametrize("kind", ["Schema", "DatasetGroup"])
def test_more_than_five_hundred_are_over_the_limit(kind: str, world: World) -> None:
    with _removed(world) as made, pytest.raises(world.personalize.exceptions.LimitExceededException, match="500"):
        for _ in range(501):
            made.append((kind, world.make(kind, settled=False)))


@contextlib.contextmanager
def _removed(world: World) -> Iterator[list[tuple[str, str]]]:
    """A list of what was made, all of which is settled, and removed where it can be, at the end."""
    made: list[tuple[str, str]] = []
    yield made
    for kind, arn in made:
        world.settle(kind, arn)
        if f"personalize.{operation('delete', kind)}" in MODELS:
            getattr(world.personalize, operation("delete", kind))(**{member(kind): arn})


def test_the_tables_leave_out_no_error_the_models_document() -> None:
    limited = {*BUSY_AT_ONCE, *PER_GROUP, "Campaign", "Recommender", "Schema", "DatasetGroup"}
    shown = {f"personalize.{operation('create', kind)}" for kind in limited}
    assert set(pairs("LimitExceededException")) == {*shown, *NO_QUOTA}
    assert {name.split(".")[1] for name in pairs("ResourceInUseException")} == set(IN_USE)
    assert {kind for kind in KINDS if f"personalize.{operation('create', kind)}" in MODELS} == set(KINDS)
