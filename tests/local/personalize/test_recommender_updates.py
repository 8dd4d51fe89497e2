"""Recommenders that are changed, deleted and made again while they are trained; what that leaves on disk."""

import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd
import personalize_shop as shops
import pytest
from personalize_shop import RECIPE, ROLE, Client

ITEMS = shops.schema(
    "Items",
    {"name": "PRICE", "type": "float"},
    {"name": "CATEGORY_L1", "type": "string", "categorical": True},
    {"name": "COLOUR", "type": ["null", "string"], "categorical": True},
)
OTHER_COLUMNS = {"trainingDataConfig": {"excludedDatasetColumns": {"Items": ["COLOUR"]}}}


@pytest.fixture(scope="module")
def shop(client: Client) -> shops.Shop:
    """A domain dataset group with views and purchases."""
    events = pd.concat([shops.interactions().assign(EVENT_TYPE=kind) for kind in ("View", "Purchase")])
    items = shops.item_table().assign(PRICE=1.0, CATEGORY_L1="c", COLOUR="red")
    tables = {"Interactions": (shops.INTERACTIONS, events), "Items": (ITEMS, items)}
    return shops.stocked_shop(client, tables, domain="ECOMMERCE")


@pytest.fixture
def recommender(shop: shops.Shop) -> str:
    return made(shop, shops.unique("recommender"))


def made(shop: shops.Shop, name: str) -> str:
    """The ARN of a new recommender that is ACTIVE."""
    personalize, recipe = shop.client("personalize"), f"{RECIPE}aws-ecomm-recommended-for-you"
    arn = personalize.create_recommender(name=name, datasetGroupArn=shop.group, recipeArn=recipe)["recommenderArn"]
    described = shops.settled(personalize.describe_recommender, "recommender", recommenderArn=arn)
    assert described["status"] == "ACTIVE", described
    return arn


def updated(shop: shops.Shop, arn: str) -> dict[str, Any]:
    """The end of the latest update."""
    while True:
        update = shop.client("personalize").describe_recommender(recommenderArn=arn)["recommender"]
        if (latest := update["latestRecommenderUpdate"])["status"] in ("ACTIVE", "CREATE FAILED"):
            return latest


def left(state: Path, arn: str) -> list[str]:
    """The folders of a recommender's trainings."""
    database = sqlite3.connect(f"file:{state}/personalize/control.sqlite?mode=ro", uri=True)
    ((number,),) = database.execute("SELECT number FROM resources WHERE arn = ?", (arn,))
    database.close()
    return [path.name for path in state.glob(f"personalize/versions/{number}[.-]*") if path.is_dir()]


def test_a_training_anew_takes_the_place_of_the_one_before(shop: shops.Shop, recommender: str, embedded: Any) -> None:
    shop.client("personalize").update_recommender(recommenderArn=recommender, recommenderConfig=OTHER_COLUMNS)
    assert updated(shop, recommender)["status"] == "ACTIVE"
    assert len(left(embedded.state, recommender)) == 1


def test_one_deleted_while_it_is_trained_anew_leaves_its_name_free(shop: shops.Shop, recommender: str) -> None:
    personalize = shop.client("personalize")
    personalize.update_recommender(recommenderArn=recommender, recommenderConfig=OTHER_COLUMNS)
    personalize.delete_recommender(recommenderArn=recommender)
    shops.gone(shop.client, personalize.describe_recommender, recommenderArn=recommender)
    assert made(shop, recommender.rpartition("/")[2]) == recommender


def test_a_training_anew_and_a_data_deletion_at_once_both_end_well(shop: shops.Shop, recommender: str) -> None:
    personalize = shop.client("personalize")
    job = personalize.create_data_deletion_job(
        jobName=shops.unique("deletion"),
        datasetGroupArn=shop.group,
        dataSource={"dataLocation": shops.put_csv(shop, "users.csv", "USER_ID\nu1\n")},
        roleArn=ROLE,
    )["dataDeletionJobArn"]
    personalize.update_recommender(recommenderArn=recommender, recommenderConfig=OTHER_COLUMNS)
    assert updated(shop, recommender)["status"] == "ACTIVE"
    ended = shops.settled(personalize.describe_data_deletion_job, "dataDeletionJob", dataDeletionJobArn=job)
    assert ended["status"] == "COMPLETED"


def test_a_dataset_that_a_training_anew_reads_cannot_be_deleted(shop: shops.Shop, recommender: str) -> None:
    personalize = shop.client("personalize")
    personalize.update_recommender(recommenderArn=recommender, recommenderConfig=OTHER_COLUMNS)
    code, message, _ = shops.refused(personalize.delete_dataset, datasetArn=shop.datasets["Items"])
    assert code == "ResourceInUseException"
    assert message.endswith(f"{recommender} is being updated")
    updated(shop, recommender)
