"""Batch segments: the users who want an item, or items with some attributes, as lines in S3."""

from typing import Any

import numpy as np
import personalize_shop as shops
import pytest
from personalize_shop import ROLE, Client, refused
from test_deletions import deleted

ITEM, ATTRIBUTES = "aws-item-affinity", "aws-item-attribute-affinity"


@pytest.fixture(scope="module")
def segmented(client: Client) -> tuple[shops.Shop, dict[str, str]]:
    """A shop of its own, since users are deleted from it, and an ACTIVE version of each recipe."""
    shop = shops.stocked_shop(client)
    started = {recipe: shops.start_version(shop, recipe) for recipe in (ITEM, ATTRIBUTES)}
    for arn in started.values():
        described = shops.version_of(shop, arn)
        assert described["status"] == "ACTIVE", described
    return shop, started


@pytest.fixture
def segment(segmented: tuple[shops.Shop, dict[str, str]]) -> Any:
    """Run a job of a recipe over lines; the lines it wrote."""
    shop, started = segmented

    def run(recipe: str, lines: list[Any], **more: Any) -> list[Any]:
        job, written = shops.run_batch(shop, "Segment", started[recipe], lines, **more)
        assert job["status"] == "ACTIVE", job
        return written

    return run


def test_an_item_gets_the_users_who_just_came_to_the_one_before_it(segment: Any) -> None:
    (line,) = segment(ITEM, [{"itemId": "i30"}], numResults=8)
    assert list(line) == ["input", "output", "error"]
    assert list(line["output"]) == ["usersList"]
    last = shops.interactions().groupby("USER_ID")["ITEM_ID"].last()
    near = [(30 - int(last[user][1:])) % 60 for user in line["output"]["usersList"]]
    everybody = [(30 - int(item[1:])) % 60 for item in last]
    assert np.median(near) < np.median(everybody)


def test_25_users_are_the_default_and_all_can_be_had(segment: Any) -> None:
    (few,) = segment(ITEM, [{"itemId": "i3"}])
    (everybody,) = segment(ITEM, [{"itemId": "i3"}], numResults=5_000_000)
    assert len(few["output"]["usersList"]) == 25
    assert few["output"]["usersList"] == everybody["output"]["usersList"][:25]
    assert set(everybody["output"]["usersList"]) == set(shops.interactions()["USER_ID"])


def test_attributes_are_met_all_at_once_and_named_in_any_case(segment: Any) -> None:
    both = 'ITEMS.category = "c1" AND Items.PRICE >= 50'
    lines = segment(ATTRIBUTES, [{"itemAttributes": both}, {"itemAttributes": 'Items.CATEGORY = "c1"'}], numResults=5)
    assert [line["input"]["itemAttributes"] for line in lines] == [both, 'Items.CATEGORY = "c1"']
    assert all(len(line["output"]["usersList"]) == 5 for line in lines)


@pytest.mark.parametrize(
    ("recipe", "line", "error"),
    [
        (ITEM, {"userId": "u1"}, "User error: Required fields for the provided recipe are itemId"),
        (ATTRIBUTES, {"itemId": "i1"}, "User error: Required fields for the provided recipe are itemAttributes"),
        (ITEM, {"itemId": "no-such"}, "User error: The item no-such is unknown"),
        (ATTRIBUTES, {"itemAttributes": "Items.NO = 1"}, "User error: Invalid itemAttributes: Items has no field NO"),
        (ATTRIBUTES, {"itemAttributes": 'Items.CATEGORY IN ("c1")'}, "joined by AND, not Items.CATEGORY IN"),
        (ATTRIBUTES, {"itemAttributes": "Items.PRICE = 1 OR Items.PRICE = 2"}, "joined by AND, not Items.PRICE"),
        (ATTRIBUTES, {"itemAttributes": 'Items.CATEGORY = "none"'}, "User error: No item with interactions has"),
    ],
)
def test_a_line_in_error_fails_alone(segment: Any, recipe: str, line: Any, error: str) -> None:
    good = {"itemId": "i2", "itemAttributes": 'Items.CATEGORY = "c1"'}
    bad, answered = segment(recipe, [line, good])
    assert (bad["input"], bad["output"]) == (line, None)
    assert error in bad["error"]
    assert answered["error"] is None


def test_filters_choose_among_users(segment: Any, segmented: tuple[shops.Shop, dict[str, str]]) -> None:
    chosen = shops.add_filter(segmented[0], "INCLUDE UserID WHERE Users.COUNTRY IN ($COUNTRY)")
    lines = [{"itemId": "i3", "filterValues": {"COUNTRY": f'"{name}"'}} for name in ("DE", "FR")]
    countries = shops.user_table().set_index("USER_ID")["COUNTRY"]
    for line, country in zip(segment(ITEM, lines, filterArn=chosen, numResults=50), ("DE", "FR"), strict=True):
        assert {countries[user] for user in line["output"]["usersList"]} == {country}


def test_buyers_can_be_left_out(segment: Any, segmented: tuple[shops.Shop, dict[str, str]]) -> None:
    chosen = shops.add_filter(segmented[0], 'EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("purchase")')
    (line,) = segment(ITEM, [{"itemId": "i3"}], filterArn=chosen, numResults=200)
    table = shops.interactions()
    buyers = set(table[table["EVENT_TYPE"] == "purchase"]["USER_ID"])
    assert set(line["output"]["usersList"]) == set(table["USER_ID"]) - buyers


def test_too_many_queries_fail_the_job(segmented: tuple[shops.Shop, dict[str, str]]) -> None:
    shop, started = segmented
    for recipe, name, most in ((ITEM, "itemId", 500), (ATTRIBUTES, "itemAttributes", 10)):
        job, _ = shops.run_batch(shop, "Segment", started[recipe], [{name: "i1"}] * (most + 1))
        assert job["status"] == "CREATE FAILED"
        assert job["failureReason"] == f"The input has {most + 1} lines; the most for this job is {most}."


def test_deleted_users_are_in_no_segment_of_an_older_version(
    segment: Any, segmented: tuple[shops.Shop, dict[str, str]]
) -> None:
    (before,) = segment(ITEM, [{"itemId": "i3"}], numResults=200)
    gone = before["output"]["usersList"][:3]
    assert deleted(segmented[0], "USER_ID\n" + "\n".join(gone) + "\n")["status"] == "COMPLETED"
    (after,) = segment(ITEM, [{"itemId": "i3"}], numResults=200)
    assert after["output"]["usersList"] == before["output"]["usersList"][3:]


def test_each_job_wants_versions_of_its_own_recipes(
    shop: shops.Shop, versions: dict[str, str], segmented: tuple[shops.Shop, dict[str, str]]
) -> None:
    places = {
        "jobInput": {"s3DataSource": {"path": f"s3://{shop.bucket}/in.json"}},
        "jobOutput": {"s3DataDestination": {"path": f"s3://{shop.bucket}/out/"}},
    }
    personalize = shop.client("personalize")
    request = {"jobName": shops.unique("job"), "roleArn": ROLE, **places}
    popular = versions["aws-popularity-count"]
    code, message, _ = refused(personalize.create_batch_segment_job, solutionVersionArn=popular, **request)
    assert (code, "use CreateBatchInferenceJob" in message) == ("InvalidInputException", True)
    code, message, _ = refused(personalize.create_batch_inference_job, solutionVersionArn=segmented[1][ITEM], **request)
    assert (code, "use CreateBatchSegmentJob" in message) == ("InvalidInputException", True)
