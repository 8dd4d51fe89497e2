"""Batch inference: lines of questions from S3 get the answers that a campaign would give, as lines in S3."""

import json
import time
from typing import Any

import personalize_shop as shops
import pytest
from personalize_shop import ROLE, Client, refused

from recsys.local.personalize.filters import Table
from recsys.local.personalize.jobs.themes import Themes
from recsys.local.personalize.schemas import Field

V2, SIMILAR, POPULAR = "aws-user-personalization-v2", "aws-similar-items", "aws-popularity-count"
RANKING = "aws-personalized-ranking"
THEMES = {
    "batchInferenceJobMode": "THEME_GENERATION",
    "themeGenerationConfig": {"fieldsForThemeGeneration": {"itemName": "TITLE"}},
}


@pytest.fixture
def infer(shop: shops.Shop, versions: dict[str, str]) -> Any:
    """Run a job of a recipe over lines; the lines it wrote."""

    def run(recipe: str, lines: list[Any], **more: Any) -> list[Any]:
        job, written = shops.run_batch(shop, "Inference", versions[recipe], lines, **more)
        assert job["status"] == "ACTIVE", job
        return written

    return run


@pytest.fixture
def refusal(shop: shops.Shop, versions: dict[str, str]) -> Any:
    """Code and message of a job that is refused."""

    def ask(recipe: str, **more: Any) -> tuple[str, str]:
        places = {
            "jobInput": {"s3DataSource": {"path": f"s3://{shop.bucket}/in.json"}},
            "jobOutput": {"s3DataDestination": {"path": f"s3://{shop.bucket}/out/"}},
        }
        request = {"jobName": shops.unique("job"), "solutionVersionArn": versions[recipe], "roleArn": ROLE, **places}
        return refused(shop.client("personalize").create_batch_inference_job, **{**request, **more})[:2]

    return ask


def test_users_get_what_a_campaign_answers_at_that_moment(
    infer: Any, client: Client, campaigns: dict[str, str], tracker: str
) -> None:
    event = {"eventType": "view", "sentAt": time.time(), "itemId": "i40"}
    client("personalize-events").put_events(
        trackingId=tracker, userId="batch-user", sessionId="batch-session", eventList=[event]
    )
    users = ["u1", "u2", "batch-user", "nobody"]
    for user, line in zip(users, infer(V2, [{"userId": user} for user in users], numResults=7), strict=True):
        answer = client("personalize-runtime").get_recommendations(campaignArn=campaigns[V2], userId=user, numResults=7)
        assert line["input"] == {"userId": user}
        assert line["output"]["recommendedItems"] == [entry["itemId"] for entry in answer["itemList"]]
        scores = [entry["score"] for entry in answer["itemList"]]
        assert line["output"]["scores"] == pytest.approx(scores, abs=1e-7)
        assert line["error"] is None


def test_a_line_has_the_members_of_aws_in_their_order(shop: shops.Shop, versions: dict[str, str]) -> None:
    shops.run_batch(shop, "Inference", versions[V2], [{"userId": "u1"}], numResults=2)
    keys = [entry["Key"] for entry in shop.client("s3").list_objects_v2(Bucket=shop.bucket, Prefix="out/")["Contents"]]
    newest = max(keys, key=lambda key: int(key.split("/")[1].rpartition("-")[2]))
    folder = newest.rpartition("/")[0]
    assert {key.removeprefix(f"{folder}/") for key in keys if folder in key} == {
        "_CHECK",
        f"{folder.rpartition('/')[2]}.json.out",
    }
    text = shop.client("s3").get_object(Bucket=shop.bucket, Key=f"{folder}/{folder.rpartition('/')[2]}.json.out")
    line = text["Body"].read().decode()
    assert line.startswith('{"input":{"userId":"u1"},"output":{"recommendedItems":["')
    assert line.endswith('},"error":null}\n')


def test_25_results_are_the_default_and_500_the_most(infer: Any, refusal: Any) -> None:
    (line,) = infer(V2, [{"userId": "u1"}])
    assert len(line["output"]["recommendedItems"]) == 25
    assert refusal(V2, numResults=501) == ("InvalidInputException", "numResults must be from 1 to 500, not 501")


@pytest.mark.parametrize("recipe", [SIMILAR, POPULAR])
def test_similar_and_popular_items_come_without_scores(infer: Any, recipe: str) -> None:
    asked = {"itemId": "i7"} if recipe == SIMILAR else {"userId": "u1"}
    (line,) = infer(recipe, [asked])
    assert list(line["output"]) == ["recommendedItems"]
    assert len(line["output"]["recommendedItems"]) == 25


def test_lists_are_ranked_with_scores_that_sum_to_one(infer: Any, client: Client, campaigns: dict[str, str]) -> None:
    items = ["i3", "i50", "unknown", "i11"]
    (line,) = infer(RANKING, [{"userId": "u1", "itemList": items}])
    answer = client("personalize-runtime").get_personalized_ranking(
        campaignArn=campaigns[RANKING], userId="u1", inputList=items
    )
    assert line["output"]["recommendedItems"] == [entry["itemId"] for entry in answer["personalizedRanking"]]
    assert line["output"]["scores"][-1] is None
    assert sum(line["output"]["scores"][:-1]) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("recipe", "line", "error"),
    [
        (V2, {"user": "u1"}, "User error: Required fields for the provided recipe are userId"),
        (SIMILAR, {"userId": "u1"}, "User error: Required fields for the provided recipe are itemId"),
        (RANKING, {"userId": "u1"}, "User error: Required fields for the provided recipe are userId, itemList"),
        (RANKING, {"userId": "u1", "itemList": "i1"}, "User error: itemList must be a list of 1 to 500 items"),
        (V2, {"userId": ["u1"]}, 'User error: userId must be a string, not ["u1"]'),
        (V2, {"userId": "u1", "filterValues": "x"}, "User error: filterValues must be an object of strings"),
        (V2, '{"userId": "u1"', "User error: The line is not a JSON object"),
        (V2, '"u1"', "User error: The line is not a JSON object"),
    ],
)
def test_a_line_in_error_fails_alone(infer: Any, recipe: str, line: Any, error: str) -> None:
    good = {"userId": "u2", "itemList": ["i1"]} if recipe == RANKING else {"userId": "u2", "itemId": "i2"}
    bad, answered = infer(recipe, [line, good])
    assert bad == {"input": line, "output": None, "error": error}
    assert answered["error"] is None


def test_numbers_and_blank_lines_are_taken_as_they_are_meant(infer: Any) -> None:
    first, second = infer(V2, [{"userId": 17}, "", "   ", {"userId": "ü, \u00df"}])
    assert first["input"] == {"userId": 17}
    assert second["input"] == {"userId": "ü, \u00df"}


def test_a_filter_holds_for_each_line_with_its_values(infer: Any, shop: shops.Shop) -> None:
    chosen = shops.add_filter(shop, "INCLUDE ItemID WHERE Items.CATEGORY IN ($CATEGORY)")
    lines = [{"userId": "u1", "filterValues": {"CATEGORY": f'"{name}"'}} for name in ("c1", "c2")] + [{"userId": "u1"}]
    first, second, without = infer(V2, lines, filterArn=chosen)
    categories = shops.item_table().set_index("ITEM_ID")["CATEGORY"]
    assert all("c1" in categories[item] for item in first["output"]["recommendedItems"])
    assert all("c2" in categories[item] for item in second["output"]["recommendedItems"])
    assert "placeholder CATEGORY is missing" in without["error"]


def test_what_a_user_bought_can_be_left_out(infer: Any, shop: shops.Shop) -> None:
    chosen = shops.add_filter(shop, 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")')
    table = shops.interactions()
    for line in infer(V2, [{"userId": "u1"}, {"userId": "u5"}], filterArn=chosen, numResults=60):
        own = table[(table["USER_ID"] == line["input"]["userId"]) & (table["EVENT_TYPE"] == "purchase")]
        assert not set(own["ITEM_ID"]) & set(line["output"]["recommendedItems"])


def test_related_items_cannot_be_filtered_by_what_a_user_did(infer: Any, shop: shops.Shop) -> None:
    chosen = shops.add_filter(shop, 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")')
    (line,) = infer(SIMILAR, [{"itemId": "i4"}], filterArn=chosen)
    assert line["error"].startswith("User error: userId is required")


def inferred(shop: shops.Shop, version: str, path: str, output: str) -> dict[str, Any]:
    """Run a job over what is at a path of the shop's bucket; its last description."""
    personalize = shop.client("personalize")
    arn = personalize.create_batch_inference_job(
        jobName=shops.unique("job"),
        solutionVersionArn=version,
        jobInput={"s3DataSource": {"path": f"s3://{shop.bucket}/{path}"}},
        jobOutput={"s3DataDestination": {"path": f"s3://{shop.bucket}/{output}"}},
        roleArn=ROLE,
    )["batchInferenceJobArn"]
    return shops.settled(personalize.describe_batch_inference_job, "batchInferenceJob", batchInferenceJobArn=arn)


def test_every_file_of_a_folder_is_answered_in_its_own_file(shop: shops.Shop, versions: dict[str, str]) -> None:
    for name in ("one.json", "sub/two.json"):
        shops.put_csv(shop, f"many/{name}", json.dumps({"userId": "u1"}))
    job = inferred(shop, versions[V2], "many/", "many/answers")
    assert job["status"] == "ACTIVE", job
    listed = shop.client("s3").list_objects_v2(Bucket=shop.bucket, Prefix="many/answers/")["Contents"]
    answers = ["one.json.out", "sub/two.json.out"]
    assert [entry["Key"].removeprefix("many/answers/") for entry in listed] == ["_CHECK", *answers]


def test_jobs_are_listed_by_solution_version(shop: shops.Shop, versions: dict[str, str]) -> None:
    job, _ = shops.run_batch(shop, "Inference", versions[POPULAR], [{"userId": "u1"}])
    assert (job["numResults"], job["batchInferenceJobMode"]) == (25, "BATCH_INFERENCE")
    list_jobs = shop.client("personalize").list_batch_inference_jobs
    listed = list_jobs(solutionVersionArn=versions[POPULAR])["batchInferenceJobs"]
    assert job["batchInferenceJobArn"] in [entry["batchInferenceJobArn"] for entry in listed]
    assert {entry["solutionVersionArn"] for entry in listed} == {versions[POPULAR]}


def test_an_input_that_is_not_there_fails_the_job(shop: shops.Shop, versions: dict[str, str]) -> None:
    job = inferred(shop, versions[V2], "no-such-file.json", "out/")
    assert job["status"] == "CREATE FAILED"
    assert job["failureReason"].startswith("Invalid S3 input path. There is no file at s3://")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"jobInput": {"s3DataSource": {"path": "https://example.org/x"}}}, "Invalid S3 input path"),
        ({"jobOutput": {"s3DataDestination": {"path": "http://x/y"}}}, "Invalid S3 output path"),
        ({"filterArn": "arn:aws:personalize:us-east-1:000000000000:filter/no-such"}, "does not exist"),
        (
            {"batchInferenceJobConfig": {"itemExplorationConfig": {"explorationWeight": "2"}}},
            "explorationWeight must be",
        ),
        ({"batchInferenceJobConfig": {"rankingInfluence": {"POPULARITY": 0.5}}}, "rankingInfluence is for"),
        (THEMES, "Themes can be generated with recipe aws-similar-items only"),
    ],
)
def test_what_cannot_work_is_refused_at_once(refusal: Any, more: dict[str, Any], message: str) -> None:
    assert message in refusal(V2, **more)[1]


def test_the_output_is_another_place_than_the_input(refusal: Any) -> None:
    place = {"s3DataSource": {"path": "s3://a/b/"}}, {"s3DataDestination": {"path": "s3://a/b"}}
    assert "must be another place" in refusal(V2, jobInput=place[0], jobOutput=place[1])[1]


def test_a_theme_says_what_similar_items_share(infer: Any, shop: shops.Shop) -> None:
    chosen = shops.add_filter(shop, 'INCLUDE ItemID WHERE Items.CATEGORY IN ("c1")')
    (line,) = infer(SIMILAR, [{"itemId": "i4"}], numResults=10, filterArn=chosen, **THEMES)
    output = line["output"]
    assert list(output) == ["recommendedItems", "theme", "itemsThemeRelevanceScores"]
    assert output["theme"] == "C1"
    assert len(output["recommendedItems"]) == 10
    relevance = output["itemsThemeRelevanceScores"]
    assert relevance == sorted(relevance, reverse=True)
    assert min(relevance) > 0


def test_a_second_phrase_of_a_theme_shares_no_word_with_the_first() -> None:
    named = {"a": "green tea cup", "b": "green tea pot", "c": "blue jam jar", "d": "red oil can", "e": "grey rug"}
    items = Table(
        "ITEM_ID", {"TITLE": Field("TITLE", ("string",))}, records={i: {"TITLE": t} for i, t in named.items()}
    )
    assert Themes(items, "TITLE").about("x", ["a", "b"])["theme"] == "Green, tea"


def test_themes_need_a_column_of_names(refusal: Any) -> None:
    assert "needs a themeGenerationConfig" in refusal(SIMILAR, batchInferenceJobMode="THEME_GENERATION")[1]
    config = {"fieldsForThemeGeneration": {"itemName": "NAME"}}
    assert refusal(SIMILAR, **{**THEMES, "themeGenerationConfig": config}) == (
        "InvalidInputException",
        "The Items dataset has no column NAME of type string",
    )
