"""Export jobs: what is in a dataset, as a CSV file in S3."""

import csv
import io
import json
from typing import Any

import personalize_shop as shops
import pytest
from personalize_shop import ROLE, Client, refused, schema

DEVICE = {"name": "DEVICE", "type": ["null", "string"], "categorical": True}
IMPRESSION = {"name": "IMPRESSION", "type": ["null", "string"]}
EVENT_TYPE = {"name": "EVENT_TYPE", "type": "string"}
FIRST = {"sentAt": 1_800_000_000, "eventType": "view", "itemId": "i1", "properties": json.dumps({"device": "phone"})}
SECOND = {"sentAt": 1_800_000_001, "eventType": "view", "itemId": "i2", "impression": ["i2", "i3"]}


@pytest.fixture(scope="module")
def shop(client: Client) -> shops.Shop:
    """Interactions and items: imported, and then some put one by one."""
    text = schema("Interactions", EVENT_TYPE, DEVICE, IMPRESSION)
    tables = {"Interactions": (text, shops.interactions()), "Items": (shops.ITEMS, shops.item_table())}
    shop = shops.stocked_shop(client, tables)
    tracker = shops.add_tracker(shop)
    client("personalize-events").put_events(
        trackingId=tracker, sessionId="s", userId="newcomer", eventList=[FIRST, SECOND, FIRST]
    )
    item = {"itemId": "i1", "properties": json.dumps({"title": 'A "quoted", \\ one', "creationTimestamp": 5})}
    client("personalize-events").put_items(datasetArn=shop.datasets["Items"], items=[item])
    return shop


def start_export(shop: shops.Shop, kind: str, path: str | None = None, **more: Any) -> dict[str, Any]:
    """Export and wait; the job's last description."""
    personalize = shop.client("personalize")
    job = personalize.create_dataset_export_job(
        jobName=shops.unique("export"),
        datasetArn=shop.datasets[kind],
        jobOutput={"s3DataDestination": {"path": path or f"s3://{shop.bucket}/exports/"}},
        roleArn=ROLE,
        **more,
    )["datasetExportJobArn"]
    return shops.settled(personalize.describe_dataset_export_job, "datasetExportJob", datasetExportJobArn=job)


def exported(shop: shops.Shop, kind: str, **more: Any) -> list[dict[str, str]]:
    """The rows of the exported file."""
    job = start_export(shop, kind, **more)
    assert job["status"] == "ACTIVE", job
    key = f"exports/{job['jobName']}/{kind.lower()}.csv"
    text = shop.client("s3").get_object(Bucket=shop.bucket, Key=key)["Body"].read().decode()
    return list(csv.DictReader(io.StringIO(text), doublequote=False, escapechar="\\"))


def test_bulk_is_what_was_imported(shop: shops.Shop) -> None:
    rows = exported(shop, "Interactions", ingestionMode="BULK")
    table = shops.interactions()
    assert list(rows[0]) == ["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "DEVICE", "IMPRESSION"]
    wanted = table[["USER_ID", "ITEM_ID", "TIMESTAMP"]].astype(str).itertuples(index=False, name=None)
    assert sorted((row["USER_ID"], row["ITEM_ID"], row["TIMESTAMP"]) for row in rows) == sorted(wanted)


def test_put_is_the_default_and_has_events_with_their_properties(shop: shops.Shop) -> None:
    first, second = exported(shop, "Interactions")
    assert list(first.values()) == ["newcomer", "i1", "1800000000", "view", "phone", ""]
    assert (second["ITEM_ID"], second["IMPRESSION"]) == ("i2", "i2|i3")


def test_all_is_both_and_the_newest_item_counts(shop: shops.Shop) -> None:
    assert len(exported(shop, "Interactions", ingestionMode="ALL")) == len(shops.interactions()) + 2
    items = {row["ITEM_ID"]: row for row in exported(shop, "Items", ingestionMode="ALL")}
    assert len(items) == 60
    assert items["i1"]["TITLE"] == 'A "quoted", \\ one'
    assert (items["i1"]["PRICE"], items["i2"]["PRICE"]) == ("", "3.0")


def test_what_is_exported_can_be_imported(shop: shops.Shop, client: Client) -> None:
    job = start_export(shop, "Items", ingestionMode="ALL")
    other = shops.open_shop(client)
    shops.add_dataset(other, "Items", shops.ITEMS)
    imported = shops.import_csv(other, "Items", f"s3://{shop.bucket}/exports/{job['jobName']}/")
    assert imported["status"] == "ACTIVE", imported
    before = exported(shop, "Items", ingestionMode="ALL")
    after = exported(other, "Items", ingestionMode="BULK")
    assert sorted(map(str, after)) == sorted(map(str, before))


def test_an_incremental_import_takes_the_place_of_what_was_put_and_a_full_one_does_not(client: Client) -> None:
    shop = shops.open_shop(client)
    shops.add_dataset(shop, "Items", shops.ITEMS)
    table = shops.item_table().assign(TITLE="imported")
    location = shops.put_csv(shop, "items.csv", table)
    shops.import_csv(shop, "Items", location)
    shops.put_items(shop, {item: {"title": "put", "creationTimestamp": 5} for item in ("i1", "i2", "other")})
    shops.import_csv(shop, "Items", location)
    assert {row["ITEM_ID"] for row in exported(shop, "Items")} == {"i1", "i2", "other"}
    update = shops.put_csv(shop, "update.csv", table[1:2].assign(TITLE="imported anew"))
    assert shops.import_csv(shop, "Items", update, importMode="INCREMENTAL")["status"] == "ACTIVE"
    titles = {row["ITEM_ID"]: row["TITLE"] for row in exported(shop, "Items", ingestionMode="ALL")}
    assert [titles[item] for item in ("i0", "i1", "i2", "other")] == ["imported", "imported anew", "put", "put"]


def test_an_empty_dataset_exports_its_header(client: Client) -> None:
    shop = shops.open_shop(client)
    shops.add_dataset(shop, "Users", shops.USERS)
    assert exported(shop, "Users", ingestionMode="ALL") == []


def test_actions_cannot_be_exported(client: Client) -> None:
    shop = shops.open_shop(client)
    shops.add_dataset(shop, "Actions", schema("Actions", {"name": "VALUE", "type": "long"}))
    code, message, _ = refused(start_export, shop=shop, kind="Actions")
    assert code == "InvalidInputException"
    assert "cannot be exported" in message


def test_an_output_that_is_no_place_in_s3_is_refused(shop: shops.Shop) -> None:
    code, message, _ = refused(start_export, shop=shop, kind="Items", path="https://example.org/")
    assert (code, message) == ("InvalidInputException", "Invalid S3 output path.")


def test_a_bucket_that_is_not_there_fails_the_job(shop: shops.Shop) -> None:
    job = start_export(shop, "Items", path="s3://no-such-bucket-anywhere/x/")
    assert job["status"] == "CREATE FAILED"
    assert "Insufficient privileges for accessing data in Amazon S3." in job["failureReason"]
