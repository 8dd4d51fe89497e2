"""Data deletion jobs: users go, wherever their data is, and nobody else's does."""

import sqlite3
import time
from typing import Any

import pandas as pd
import personalize_shop as shops
import pyarrow.parquet as pq
import pytest
from alone import Server
from personalize_shop import ROLE, Client, refused

EVENT = {"eventType": "view", "sentAt": 1_800_000_000, "itemId": "i40"}


@pytest.fixture
def own_shop(client: Client) -> shops.Shop:
    """A shop of a test's own, whose users may go."""
    return shops.stocked_shop(client)


def start_deletion(shop: shops.Shop, location: str) -> str:
    return shop.client("personalize").create_data_deletion_job(
        jobName=shops.unique("deletion"),
        datasetGroupArn=shop.group,
        dataSource={"dataLocation": location},
        roleArn=ROLE,
    )["dataDeletionJobArn"]


def deleted(shop: shops.Shop, body: Any, key: str = "users.csv") -> dict[str, Any]:
    """Delete the users listed in a CSV file and wait; the job's last description."""
    job = start_deletion(shop, shops.put_csv(shop, key, body))
    describe = shop.client("personalize").describe_data_deletion_job
    return shops.settled(describe, "dataDeletionJob", dataDeletionJobArn=job)


def users_on_disk(state: Any, shop: shops.Shop) -> set[str]:
    """Whose rows there are in any file of the group, and in the event log."""
    database = sqlite3.connect(f"file:{state}/personalize/control.sqlite?mode=ro", uri=True)
    arns = tuple(shop.datasets.values())
    query = f"SELECT number FROM resources WHERE arn IN ({','.join('?' * len(arns))})"
    numbers = [number for (number,) in database.execute(query, arns)]
    database.close()
    files = [path for n in numbers for path in state.glob(f"personalize/datasets/{n}/*.parquet")]
    tables = [pq.read_table(path).to_pandas() for path in files]
    found = set(pd.concat([table["USER_ID"] for table in tables if "USER_ID" in table]))
    events = sqlite3.connect(f"file:{state}/personalize/events.sqlite?mode=ro", uri=True)
    found |= {user for (user,) in events.execute("SELECT user FROM events WHERE dataset_group = ?", (shop.group,))}
    found |= {user for (user,) in events.execute("SELECT id FROM records WHERE dataset IN (?, ?, ?)", arns)}
    events.close()
    return found


def test_their_rows_are_gone_and_all_others_are_there(own_shop: shops.Shop, embedded: Any) -> None:
    tracker = shops.add_tracker(own_shop)
    events = own_shop.client("personalize-events")
    for user in ("u1", "new-one", "stays"):
        events.put_events(trackingId=tracker, userId=user, sessionId=f"s-{user}", eventList=[EVENT])
    events.put_users(datasetArn=own_shop.datasets["Users"], users=[{"userId": "new-one"}, {"userId": "stays"}])
    before = users_on_disk(embedded.state, own_shop)
    job = deleted(own_shop, "USER_ID\nu1\nu2\nnew-one\nnobody\n")
    table = shops.interactions()
    rows = int(table["USER_ID"].isin(["u1", "u2"]).sum()) + 2  # and their two rows of Users
    assert (job["status"], job["numDeleted"]) == ("COMPLETED", rows + 3)
    assert users_on_disk(embedded.state, own_shop) == before - {"u1", "u2", "new-one"}


def test_a_campaign_forgets_them_at_once_and_takes_them_back_as_new(own_shop: shops.Shop) -> None:
    campaign = shops.deploy(own_shop, shops.trained_version(own_shop, "aws-user-personalization"))
    tracker = shops.add_tracker(own_shop)
    runtime, events = own_shop.client("personalize-runtime"), own_shop.client("personalize-events")

    def recommended(user: str) -> list[str]:
        answer = runtime.get_recommendations(campaignArn=campaign, userId=user, numResults=5)
        return [entry["itemId"] for entry in answer["itemList"]]

    events.put_events(trackingId=tracker, userId="u1", sessionId="s", eventList=[EVENT])
    popular, other = recommended("nobody"), recommended("u2")
    assert recommended("u1") != popular
    assert deleted(own_shop, "USER_ID\nu1\n")["status"] == "COMPLETED"
    assert recommended("u1") == popular
    assert recommended("u2") == other
    events.put_events(trackingId=tracker, userId="u1", sessionId="s2", eventList=[EVENT])
    assert "i41" in recommended("u1")


def test_anonymous_events_of_their_sessions_go_too(own_shop: shops.Shop, embedded: Any) -> None:
    tracker = shops.add_tracker(own_shop)
    events = own_shop.client("personalize-events")
    events.put_events(trackingId=tracker, sessionId="s-u1", eventList=[EVENT])
    events.put_events(trackingId=tracker, sessionId="s-u1", userId="u1", eventList=[EVENT])
    events.put_events(trackingId=tracker, sessionId="someone", eventList=[EVENT])
    deleted(own_shop, "USER_ID\nu1\n")
    log = sqlite3.connect(f"file:{embedded.state}/personalize/events.sqlite?mode=ro", uri=True)
    left = log.execute("SELECT session FROM events WHERE dataset_group = ?", (own_shop.group,)).fetchall()
    log.close()
    assert left == [("someone",)]


def test_a_folder_is_read_with_its_sub_folders_and_csv_files_only(own_shop: shops.Shop, embedded: Any) -> None:
    shops.put_csv(own_shop, "gone/one.csv", "USER_ID\nu1\n")
    shops.put_csv(own_shop, "gone/sub/two.csv", "user_id\nu2\n")
    shops.put_csv(own_shop, "gone/three.txt", "USER_ID\nu3\n")
    job = start_deletion(own_shop, f"s3://{own_shop.bucket}/gone/")
    describe = own_shop.client("personalize").describe_data_deletion_job
    assert shops.settled(describe, "dataDeletionJob", dataDeletionJobArn=job)["status"] == "COMPLETED"
    assert {"u1", "u2", "u3"} & users_on_disk(embedded.state, own_shop) == {"u3"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("u1\nu2\n", "missing the following columns:[USER_ID]"),
        ("USER_ID,AGE\nu1,3\n", "must have that one column only"),
        ("USER_ID\nu1,u2\n", "more than one column"),
        ("", "missing the following columns:[USER_ID]"),
        ("USER_ID\nu1\n".encode("utf-16"), "not a CSV file in UTF-8"),
    ],
)
def test_a_list_that_is_none_deletes_nobody(shop: shops.Shop, embedded: Any, body: Any, reason: str) -> None:
    job = deleted(shop, body)
    assert job["status"] == "FAILED"
    assert reason in job["failureReason"]
    assert "u1" in users_on_disk(embedded.state, shop)


def test_jobs_that_use_the_data_wait_for_a_deletion_before_them(own_shop: shops.Shop) -> None:
    personalize = own_shop.client("personalize")
    start_deletion(own_shop, shops.put_csv(own_shop, "users.csv", "USER_ID\nu1\n"))
    export = personalize.create_dataset_export_job(
        jobName="after",
        datasetArn=own_shop.datasets["Users"],
        jobOutput={"s3DataDestination": {"path": f"s3://{own_shop.bucket}/out"}},
        ingestionMode="ALL",
        roleArn=ROLE,
    )["datasetExportJobArn"]
    shops.settled(personalize.describe_dataset_export_job, "datasetExportJob", datasetExportJobArn=export)
    users = pd.read_csv(own_shop.client("s3").get_object(Bucket=own_shop.bucket, Key="out/after/users.csv")["Body"])
    assert set(users["USER_ID"]) == set(shops.user_table()["USER_ID"]) - {"u1"}


def test_a_deletion_cut_short_at_any_moment_is_done_after_the_next_start(mortal: Server) -> None:
    shop = shops.stocked_shop(mortal.client)
    describe = mortal.client("personalize").describe_data_deletion_job
    table, left = shops.interactions(), users_on_disk(mortal.state, shop)
    for number, seconds in enumerate((0.15, 0.22, 0.3)):
        user = f"u{number}"
        job = start_deletion(shop, shops.put_csv(shop, f"{user}.csv", f"USER_ID\n{user}\n"))
        time.sleep(seconds)
        mortal.kill()
        mortal.start()
        described = shops.settled(describe, "dataDeletionJob", dataDeletionJobArn=job)
        assert described["status"] == "COMPLETED", described
        assert described["numDeleted"] == (table["USER_ID"] == user).sum() + 1
        left -= {user}
        assert users_on_disk(mortal.state, shop) == left


def test_a_deletion_is_listed_and_its_states_are_seen(own_shop: shops.Shop) -> None:
    personalize = own_shop.client("personalize")
    job = start_deletion(own_shop, shops.put_csv(own_shop, "users.csv", "USER_ID\nu1\n"))
    seen = []
    while not seen or seen[-1] not in ("COMPLETED", "FAILED"):
        seen.append(personalize.describe_data_deletion_job(dataDeletionJobArn=job)["dataDeletionJob"]["status"])
    *before, last = dict.fromkeys(seen)
    assert last == "COMPLETED"
    assert before in ([], ["PENDING"], ["IN_PROGRESS"], ["PENDING", "IN_PROGRESS"])  # who is slow misses some
    listed = personalize.list_data_deletion_jobs(datasetGroupArn=own_shop.group)["dataDeletionJobs"]
    assert [entry["dataDeletionJobArn"] for entry in listed] == [job]


def test_a_location_that_is_not_s3_is_refused(shop: shops.Shop) -> None:
    code, message, _ = refused(start_deletion, shop=shop, location="https://example.org/users.csv")
    assert (code, message) == ("InvalidInputException", "Invalid Data location.")
