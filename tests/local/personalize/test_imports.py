"""Import jobs: CSV files in S3 become a dataset, whole or not at all."""

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import personalize_shop as shops
import pyarrow.parquet as pq
import pytest
from personalize_shop import INTERACTIONS, ITEMS, Client, refused, schema

ITEM_ROWS = "ITEM_ID,CATEGORY,PRICE,CREATION_TIMESTAMP,TITLE\n"


@pytest.fixture(scope="module")
def items_shop(client: Client) -> shops.Shop:
    """A group with an empty Items dataset; the tests import into it one after the other."""
    shop = shops.open_shop(client)
    shops.add_dataset(shop, "Items", ITEMS)
    return shop


@pytest.fixture(scope="module")
def clicks_shop(client: Client) -> shops.Shop:
    shop = shops.open_shop(client)
    shops.add_dataset(shop, "Interactions", INTERACTIONS)
    return shop


@pytest.fixture
def stored(embedded: Any) -> Any:
    """What a dataset holds on disk after its last import."""

    def read() -> pd.DataFrame:
        newest = max(embedded.state.glob("personalize/datasets/*/*.parquet"), key=lambda path: int(path.stem))
        return pq.read_table(newest).to_pandas()

    return read


@pytest.fixture
def roles(client: Client) -> Iterator[tuple[str, str]]:
    """The ARNs of a role that trusts Personalize and of one that trusts another service; both may read S3."""
    iam, made = client("iam"), {}
    s3 = {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [s3]})
    for service in ("personalize", "lambda"):
        allow = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        name = shops.unique(f"role-for-{service}")
        made[name] = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="s3", PolicyDocument=document)
    yield tuple(made.values())
    for name in made:
        iam.delete_role_policy(RoleName=name, PolicyName="s3")
        iam.delete_role(RoleName=name)


def imported(shop: shops.Shop, kind: str, body: Any, key: str = "data.csv", **more: Any) -> dict[str, Any]:
    return shops.import_csv(shop, kind, shops.put_csv(shop, key, body), **more)


def test_columns_come_in_any_order_and_case_and_others_are_ignored(items_shop: shops.Shop, stored: Any) -> None:
    body = (
        ",price,item_id,Category,creation_timestamp,TITLE,colour\n0,2.5,a,c|d,1600000000,Hat,red\n1,,b,,1600000001,,\n"
    )
    assert imported(items_shop, "Items", body)["status"] == "ACTIVE"
    table = stored()
    assert table["ITEM_ID"].tolist() == ["a", "b"]
    assert table["PRICE"].tolist()[0] == 2.5
    assert table["PRICE"].isna().tolist() == [False, True]
    assert table["CATEGORY"].tolist()[0] == "c|d"
    assert "colour" not in table.columns


def test_byte_order_mark_crlf_quotes_and_escapes_are_read(items_shop: shops.Shop, stored: Any) -> None:
    body = ("\ufeff" + ITEM_ROWS + 'a,"c,1",1,1600000000,"He said \\"hi\\""\nb,c\\,2,1,1600000000,Übergröße\n').replace(
        "\n", "\r\n"
    )
    assert imported(items_shop, "Items", body.encode())["status"] == "ACTIVE"
    table = stored()
    assert table["CATEGORY"].tolist() == ["c,1", "c,2"]
    assert table["TITLE"].tolist() == ['He said "hi"', "Übergröße"]


def test_of_several_rows_of_one_item_the_last_counts(items_shop: shops.Shop, stored: Any) -> None:
    imported(items_shop, "Items", ITEM_ROWS + "a,x,1,1600000000,t\nb,x,1,1600000000,t\na,y,2,1600000000,t\n")
    assert stored().set_index("ITEM_ID")["CATEGORY"].to_dict() == {"a": "y", "b": "x"}


def test_a_full_import_replaces_and_an_incremental_one_adds(items_shop: shops.Shop, stored: Any) -> None:
    imported(items_shop, "Items", ITEM_ROWS + "a,x,1,1600000000,t\nb,x,1,1600000000,t\n")
    imported(items_shop, "Items", ITEM_ROWS + "b,y,1,1600000000,t\nc,y,1,1600000000,t\n", importMode="INCREMENTAL")
    assert stored().set_index("ITEM_ID")["CATEGORY"].to_dict() == {"a": "x", "b": "y", "c": "y"}
    imported(items_shop, "Items", ITEM_ROWS + "z,x,1,1600000000,t\n", importMode="FULL")
    assert stored()["ITEM_ID"].tolist() == ["z"]


def test_a_folder_is_imported_whole(items_shop: shops.Shop, stored: Any) -> None:
    shops.put_csv(items_shop, "folder/one.csv", ITEM_ROWS + "a,x,1,1600000000,t\n")
    shops.put_csv(items_shop, "folder/two.csv", ITEM_ROWS + "b,x,1,1600000000,t\n")
    shops.put_csv(items_shop, "folder-of-others/three.csv", ITEM_ROWS + "c,x,1,1600000000,t\n")
    assert shops.import_csv(items_shop, "Items", f"s3://{items_shop.bucket}/folder")["status"] == "ACTIVE"
    assert sorted(stored()["ITEM_ID"]) == ["a", "b"]


def test_one_bad_file_of_a_folder_imports_nothing(items_shop: shops.Shop, stored: Any) -> None:
    imported(items_shop, "Items", ITEM_ROWS + "before,x,1,1600000000,t\n")
    shops.put_csv(items_shop, "mixed/one.csv", ITEM_ROWS + "a,x,1,1600000000,t\n")
    shops.put_csv(items_shop, "mixed/two.csv", ITEM_ROWS + "b,x,dear,1600000000,t\n")
    job = shops.import_csv(items_shop, "Items", f"s3://{items_shop.bucket}/mixed/")
    assert job["status"] == "CREATE FAILED"
    assert "mixed/two.csv" in job["failureReason"]
    assert stored()["ITEM_ID"].tolist() == ["before"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("ITEM_ID,CATEGORY\na,x\n", "Input CSV is missing the following columns:[CREATION_TIMESTAMP]."),
        (ITEM_ROWS, "is empty"),
        ("", "is empty"),
        (ITEM_ROWS + "a,x,1,noon,t\n", "CREATION_TIMESTAMP must be long"),
        (ITEM_ROWS + "a,x,1,,t\n", "row 2: CREATION_TIMESTAMP is empty"),
        (ITEM_ROWS + "a,x,1\n", "do not conform to the dataset schema"),
        (ITEM_ROWS.replace("PRICE", "category") + "a,x,1,1600000000,t\n", "has the column CATEGORY twice"),
        (ITEM_ROWS + "i" * 257 + ",x,1,1600000000,t\n", "Length cannot be more than 256 characters for ITEM_ID."),
        (ITEM_ROWS.encode() + "a,Größe,1,1600000000,t\n".encode("latin-1"), "do not conform to the dataset schema"),
        ((ITEM_ROWS + "a,x,1,1600000000,t\n").encode("utf-16"), "must be UTF-8 text"),
        (bytes(range(256)) * 40, "must be UTF-8 text"),
        (ITEM_ROWS + "a,x\0y,1,1600000000,t\n", "it has a NUL byte"),
        (ITEM_ROWS + "a,x,1,1600000000,t\nITEM_ID,x,1,1600000000,t\n", "row 3: ITEM_ID is ITEM_ID, a reserved keyword"),
        (ITEM_ROWS + "a,x,infinity,1600000000,t\n", "row 2: PRICE is infinite"),
        (ITEM_ROWS + "a,x,1,1600000000000,t\n", "row 2: CREATION_TIMESTAMP must be in Unix epoch seconds"),
        (
            ITEM_ROWS + "a,x,1,1600000000," + "t" * 20001 + "\n",
            "Length cannot be more than 20000 characters for TITLE.",
        ),
        (ITEM_ROWS + 'a,x,1,1600000000,"two\nlines"\n', "row 2: TITLE goes over several lines"),
        (ITEM_ROWS + 'a,x,1,1600000000,"never closed\n', "row 2: TITLE goes over several lines"),
        ("no header,at all\n1,2\n", "missing the following columns:[ITEM_ID, CREATION_TIMESTAMP]"),
    ],
)
def test_a_file_that_does_not_fit_fails_with_its_reason(items_shop: shops.Shop, body: Any, reason: str) -> None:
    job = imported(items_shop, "Items", body)
    assert job["status"] == "CREATE FAILED"
    assert job["failureReason"].startswith("Failed to create a data import job for Items dataset ")
    assert reason in job["failureReason"]


def test_nan_is_a_null_and_blank_lines_are_no_rows(items_shop: shops.Shop, stored: Any) -> None:
    body = "\n".join([ITEM_ROWS.strip(), "a,,NaN,1600000000,", "", "b,x,2,1600000000,t", "", ""])
    assert imported(items_shop, "Items", body)["status"] == "ACTIVE"
    assert stored()["PRICE"].isna().tolist() == [True, False]


def test_a_long_text_is_kept_whole(items_shop: shops.Shop, stored: Any) -> None:
    title = "ü, " * 6666
    assert imported(items_shop, "Items", ITEM_ROWS + f'a,x,1,1600000000,"{title}"\n')["status"] == "ACTIVE"
    assert stored()["TITLE"].tolist() == [title]


def test_sub_folders_and_other_files_of_a_folder_are_left_out(items_shop: shops.Shop, stored: Any) -> None:
    shops.put_csv(items_shop, "deep/one.csv", ITEM_ROWS + "a,x,1,1600000000,t\n")
    shops.put_csv(items_shop, "deep/sub/two.csv", ITEM_ROWS + "b,x,1,1600000000,t\n")
    shops.put_csv(items_shop, "deep/readme.txt", "not a table")
    assert shops.import_csv(items_shop, "Items", f"s3://{items_shop.bucket}/deep/")["status"] == "ACTIVE"
    assert stored()["ITEM_ID"].tolist() == ["a"]


def test_timestamps_in_milliseconds_are_named_as_such(clicks_shop: shops.Shop) -> None:
    table = shops.interactions().assign(TIMESTAMP=lambda rows: rows["TIMESTAMP"] * 1000)
    assert "not milliseconds" in imported(clicks_shop, "Interactions", table)["failureReason"]


def test_fewer_than_a_thousand_interactions_are_too_few(clicks_shop: shops.Shop) -> None:
    job = imported(clicks_shop, "Interactions", shops.interactions().head(999))
    assert "999 interactions; there must be at least 1000" in job["failureReason"]


def test_exact_duplicates_collapse_and_histories_come_in_order(clicks_shop: shops.Shop, stored: Any) -> None:
    table = shops.interactions()
    twice = pd.concat([table, table]).sample(frac=1.0, random_state=0)
    assert imported(clicks_shop, "Interactions", twice)["status"] == "ACTIVE"
    kept = stored()
    assert len(kept) == len(table)
    assert kept.groupby("USER_ID")["TIMESTAMP"].is_monotonic_increasing.all()


def test_columns_of_the_context_survive(client: Client, stored: Any) -> None:
    shop = shops.open_shop(client)
    device = {"name": "DEVICE", "type": ["null", "string"], "categorical": True}
    shops.add_dataset(shop, "Interactions", schema("Interactions", device, {"name": "HOUR", "type": "int"}))
    table = shops.interactions().assign(HOUR=7, DEVICE="phone")
    table.loc[::2, "DEVICE"] = None
    assert imported(shop, "Interactions", table)["status"] == "ACTIVE"
    assert (
        stored()["DEVICE"].value_counts(dropna=False).to_dict() == table["DEVICE"].value_counts(dropna=False).to_dict()
    )
    assert set(stored()["HOUR"]) == {7}


def test_interactions_are_added_to_and_replaced(clicks_shop: shops.Shop, stored: Any) -> None:
    table = shops.interactions()
    later = table.assign(TIMESTAMP=table["TIMESTAMP"] + 10**6)
    imported(clicks_shop, "Interactions", table)
    both = pd.concat([table.head(500), later])
    assert imported(clicks_shop, "Interactions", both, importMode="INCREMENTAL")["status"] == "ACTIVE"
    assert len(stored()) == 2 * len(table)
    imported(clicks_shop, "Interactions", later, importMode="FULL")
    assert stored()["TIMESTAMP"].min() == later["TIMESTAMP"].min()


def test_actions_and_what_became_of_them_are_imported(client: Client, stored: Any) -> None:
    shop = shops.open_shop(client)
    shops.add_dataset(shop, "Actions", schema("Actions", {"name": "VALUE", "type": ["null", "long"]}))
    event_type = {"name": "EVENT_TYPE", "type": "string"}
    shops.add_dataset(shop, "Action_Interactions", schema("Action_Interactions", event_type))
    assert imported(shop, "Actions", "ACTION_ID,VALUE\na,1\nb,\na,2\n")["status"] == "ACTIVE"
    assert stored()["VALUE"].tolist()[0] == 2
    head = "USER_ID,ACTION_ID,EVENT_TYPE,TIMESTAMP\n"
    body = head + "u,a,Taken,1600000000\nu,b,Not taken,1600000000\nu,a,viewed,1600000000\n"
    assert imported(shop, "Action_Interactions", body)["status"] == "ACTIVE"
    assert sorted(stored()["EVENT_TYPE"]) == ["NOT_TAKEN", "TAKEN", "VIEWED"]
    job = imported(shop, "Action_Interactions", head + "u,a,clicked,1600000000\n")
    assert "row 2: EVENT_TYPE must be one of TAKEN, NOT_TAKEN, VIEWED" in job["failureReason"]


def test_a_bucket_that_is_not_there_fails_with_the_documented_words(items_shop: shops.Shop) -> None:
    job = shops.import_csv(items_shop, "Items", "s3://no-such-bucket-anywhere/x.csv")
    assert "Insufficient privileges for accessing data in Amazon S3." in job["failureReason"]


def test_an_object_that_may_not_be_read_fails_with_the_documented_words(items_shop: shops.Shop) -> None:
    archived = {"Bucket": items_shop.bucket, "Key": "archived.csv", "StorageClass": "GLACIER"}
    items_shop.client("s3").put_object(**archived, Body=(ITEM_ROWS + "a,x,1,1600000000,t\n").encode())
    job = shops.import_csv(items_shop, "Items", f"s3://{items_shop.bucket}/archived.csv")
    assert "Insufficient privileges for accessing data in Amazon S3. (An error occurred" in job["failureReason"]


def test_a_role_that_personalize_may_not_assume_fails(items_shop: shops.Shop, roles: tuple[str, str]) -> None:
    location = shops.put_csv(items_shop, "one.csv", ITEM_ROWS + "a,x,1,1600000000,t\n")
    for_personalize, for_lambda = roles
    assert shops.import_csv(items_shop, "Items", location, roleArn=for_personalize)["status"] == "ACTIVE"
    for role in (for_lambda, f"{for_personalize}-misspelt"):
        job = shops.import_csv(items_shop, "Items", location, roleArn=role)
        assert f"Amazon Personalize can't assume the role {role}" in job["failureReason"]


def test_a_location_without_a_file_fails(items_shop: shops.Shop) -> None:
    job = shops.import_csv(items_shop, "Items", f"s3://{items_shop.bucket}/nothing-here/")
    assert "Invalid Data location." in job["failureReason"]


def test_a_location_that_is_not_s3_is_refused_at_once(items_shop: shops.Shop) -> None:
    code, message, _ = refused(shops.start_import, shop=items_shop, kind="Items", location="https://example.org/x.csv")
    assert (code, message) == ("InvalidInputException", "Invalid Data location.")


def test_nothing_is_imported_into_the_dataset_of_a_tracker(client: Client) -> None:
    shop = shops.open_shop(client)
    shops.add_tracker(shop)
    hidden = f"{shop.group.replace(':dataset-group/', ':dataset/')}/EVENT_INTERACTIONS"
    request = {"jobName": shops.unique("job"), "datasetArn": hidden, "dataSource": {"dataLocation": "s3://b/x.csv"}}
    code, message, _ = shops.refused(client("personalize").create_dataset_import_job, roleArn=shops.ROLE, **request)
    assert (code, "event tracker" in message) == ("InvalidInputException", True)


def test_an_incremental_import_needs_bulk_data_before_it(client: Client) -> None:
    shop = shops.open_shop(client)
    shops.add_dataset(shop, "Users", schema("Users", {"name": "AGE", "type": "int"}))
    location = shops.put_csv(shop, "users.csv", "USER_ID,AGE\nu,7\n")
    code, _, _ = refused(shops.start_import, shop=shop, kind="Users", location=location, importMode="INCREMENTAL")
    assert code == "InvalidInputException"


def test_a_sixth_import_at_once_is_over_the_limit(items_shop: shops.Shop) -> None:
    location = shops.put_csv(items_shop, "one.csv", ITEM_ROWS + "a,x,1,1600000000,t\n")
    jobs = [shops.start_import(items_shop, "Items", location) for _ in range(5)]
    code, message, _ = refused(shops.start_import, shop=items_shop, kind="Items", location=location)
    assert (code, message) == ("LimitExceededException", "More than 5 resources with PENDING or IN_PROGRESS status.")
    for job in jobs:
        shops.settled(
            items_shop.client("personalize").describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job
        )


def test_imports_into_one_dataset_run_one_after_the_other(items_shop: shops.Shop, stored: Any) -> None:
    imported(items_shop, "Items", ITEM_ROWS + "a,x,1,1600000000,t\n")
    locations = [shops.put_csv(items_shop, f"{n}.csv", ITEM_ROWS + f"n{n},x,1,1600000000,t\n") for n in range(4)]
    describe = items_shop.client("personalize").describe_dataset_import_job
    jobs = [shops.start_import(items_shop, "Items", location, importMode="INCREMENTAL") for location in locations]
    for job in jobs:
        shops.settled(describe, "datasetImportJob", datasetImportJobArn=job)
    assert sorted(stored()["ITEM_ID"]) == ["a", "n0", "n1", "n2", "n3"]


def test_a_dataset_is_not_deleted_under_an_import(items_shop: shops.Shop) -> None:
    personalize = items_shop.client("personalize")
    location = shops.put_csv(items_shop, "one.csv", ITEM_ROWS + "a,x,1,1600000000,t\n")
    job = shops.start_import(items_shop, "Items", location)
    code, message, _ = refused(personalize.delete_dataset, datasetArn=items_shop.datasets["Items"])
    assert code == "ResourceInUseException"
    assert job in message
    shops.settled(personalize.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
