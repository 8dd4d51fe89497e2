"""kill -9 at any moment: what was acknowledged is there after a restart, what was cut short ends."""

import fcntl
import json
import os
import queue
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import personalize_shop as shops
import psutil
import pytest
from alone import Server
from botocore.exceptions import BotoCoreError
from personalize_shop import Client
from waiting import eventually

from recsys.local.personalize.jobs.queue import Jobs


@pytest.fixture(scope="module")
def stocked(mortal: Server) -> shops.Shop:
    return shops.stocked_shop(mortal.client)


def arns(client: Client) -> set[str]:
    """Every schema, group and filter there is."""
    personalize = client("personalize")
    return (
        {entry["schemaArn"] for entry in personalize.list_schemas()["schemas"]}
        | {entry["datasetGroupArn"] for entry in personalize.list_dataset_groups()["datasetGroups"]}
        | {entry["filterArn"] for entry in personalize.list_filters()["Filters"]}
    )


def test_what_was_acknowledged_a_moment_before_is_done(mortal: Server, stocked: shops.Shop) -> None:
    """A creation, a deletion and an import, all under way when the server dies."""
    personalize = mortal.client("personalize")
    doomed = shops.open_shop(mortal.client, "doomed").group
    location = shops.put_csv(stocked, "big.csv", shops.interactions(users=500))
    job = shops.start_import(stocked, "Interactions", location)
    wait_for(personalize.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
    tags = [{"tagKey": "k", "tagValue": "v"}]
    group = personalize.create_dataset_group(name="last-moment", tags=tags)["datasetGroupArn"]
    personalize.delete_dataset_group(datasetGroupArn=doomed)
    before = arns(mortal.client)
    mortal.kill()
    mortal.start()
    described = shops.settled(personalize.describe_dataset_group, "datasetGroup", datasetGroupArn=group)
    assert described["status"] == "ACTIVE"
    assert personalize.list_tags_for_resource(resourceArn=group)["tags"] == tags
    shops.gone(mortal.client, personalize.describe_dataset_group, datasetGroupArn=doomed)
    assert arns(mortal.client) == before - {doomed}
    described = shops.settled(personalize.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
    assert described["status"] == "ACTIVE", described
    assert not list(mortal.state.glob("personalize/datasets/*/*.tmp"))


def test_a_training_cut_short_is_taken_up_again(mortal: Server, stocked: shops.Shop) -> None:
    personalize = mortal.client("personalize")
    version = shops.start_version(stocked, "aws-user-personalization")
    wait_for(personalize.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    mortal.kill()
    mortal.start()
    described = shops.version_of(stocked, version)
    assert described["status"] == "ACTIVE", described.get("failureReason")
    assert personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
    assert not list(mortal.state.glob("personalize/versions/*.tmp"))


def test_what_cannot_be_taken_up_keeps_no_server_from_starting(mortal: Server, stocked: shops.Shop) -> None:
    """A campaign that follows a solution whose versions are gone."""
    version = shops.trained_version(stocked, "aws-popularity-count")
    latest = {"solutionVersionArn": f"{version.rpartition('/')[0]}/$LATEST"}
    personalize, following = mortal.client("personalize"), {"syncWithLatestSolutionVersion": True}
    arn = personalize.create_campaign(name="bereft", campaignConfig=following, **latest)["campaignArn"]
    shops.settled(personalize.describe_campaign, "campaign", campaignArn=arn)
    mortal.kill()
    with closing(sqlite3.connect(mortal.state / "personalize/control.sqlite", isolation_level=None)) as state:
        state.execute("DELETE FROM resources WHERE arn = ?", (version,))
    mortal.start()
    assert personalize.describe_campaign(campaignArn=arn)["campaign"]["status"] == "ACTIVE"
    personalize.delete_campaign(campaignArn=arn)
    shops.gone(mortal.client, personalize.describe_campaign, campaignArn=arn)


def test_an_update_to_what_is_gone_fails_with_a_reason(mortal: Server) -> None:
    personalize, shop = mortal.client("personalize"), shops.open_shop(mortal.client)
    dataset = shops.add_dataset(shop, "Items", shops.ITEMS)
    shops.settled(personalize.describe_dataset, "dataset", datasetArn=dataset)
    schema = personalize.create_schema(name=shops.unique("same"), schema=shops.ITEMS)["schemaArn"]
    personalize.update_dataset(datasetArn=dataset, schemaArn=schema)
    mortal.kill()
    with closing(sqlite3.connect(mortal.state / "personalize/control.sqlite", isolation_level=None)) as state:
        state.execute("DELETE FROM resources WHERE arn = ?", (schema,))
    mortal.start()

    def latest() -> dict[str, Any]:
        return personalize.describe_dataset(datasetArn=dataset)["dataset"]["latestDatasetUpdate"]

    eventually(lambda: latest()["status"] == "CREATE FAILED", 20)
    assert f"{schema} does not exist" in latest()["failureReason"]
    personalize.delete_dataset(datasetArn=dataset)


def test_a_job_that_cannot_begin_fails_and_keeps_no_server_from_starting(mortal: Server) -> None:
    """Its dataset has lost what every dataset has."""
    shop = shops.open_shop(mortal.client)
    dataset = shops.add_dataset(shop, "Users", shops.USERS)
    job = shops.start_import(shop, "Users", shops.put_csv(shop, "users.csv", shops.user_table()))
    mortal.kill()
    edit = "UPDATE resources SET document = json_remove(document, '$.datasetType') WHERE arn = ?"
    with closing(sqlite3.connect(mortal.state / "personalize/control.sqlite", isolation_level=None)) as state:
        state.execute(edit, (dataset,))
    mortal.start()
    describe = mortal.client("personalize").describe_dataset_import_job
    described = shops.settled(describe, "datasetImportJob", datasetImportJobArn=job)
    assert (described["status"], described["failureReason"]) == ("CREATE FAILED", "'datasetType'")


def test_no_work_is_taken_up_before_what_a_killed_server_left_has_ended(tmp_path: Path) -> None:
    """What it left holds the lock of its worker, and so does this test; another worker shows how long work takes."""
    held, free = Jobs(tmp_path / "held.log"), Jobs(tmp_path / "free.log")
    ended = {jobs: threading.Event() for jobs in (held, free)}
    with (tmp_path / "held.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for jobs in (held, free):
            result = str(tmp_path / f"{id(jobs)}.json")
            jobs.submit("1", "import", {"result": result}, lambda _, jobs=jobs: ended[jobs].set())
        assert ended[free].wait(120)
        assert not ended[held].wait(1)
    assert ended[held].wait(120)
    held.close()
    free.close()


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    made = Jobs(tmp_path_factory.mktemp("jobs") / "jobs.log")
    yield made
    made.close()


def test_a_job_that_fails_over_its_draft_says_why(jobs: Jobs, tmp_path: Path) -> None:
    """Trainings draft their artefacts in a folder of that name."""
    ended = queue.SimpleQueue()
    (tmp_path / "1.tmp").mkdir()
    jobs.submit("1", "import", {"result": str(tmp_path / "1.json")}, ended.put)
    assert ended.get(timeout=120)["failureReason"].startswith("KeyError")


def test_what_a_worker_that_was_killed_alone_left_is_ended_and_work_goes_on(jobs: Jobs, tmp_path: Path) -> None:
    """Its job cannot end: the result waits for a reader that never comes."""
    ended = {name: threading.Event() for name in ("stuck", "next")}
    os.mkfifo(tmp_path / "stuck.json.tmp")
    jobs.submit("stuck", "import", {"result": str(tmp_path / "stuck.json")}, lambda _: ended["stuck"].set())
    child = psutil.Process(eventually(lambda: jobs._pids.get("stuck")))
    try:
        child.parent().kill()
        assert ended["stuck"].wait(120)
        jobs.submit("next", "import", {"result": str(tmp_path / "next.json")}, lambda _: ended["next"].set())
        assert ended["next"].wait(120)
        with suppress(psutil.NoSuchProcess):  # where nobody waits for orphans, an ended one stays on the list
            assert child.status() == psutil.STATUS_ZOMBIE
    finally:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def test_a_worker_process_that_dies_fails_its_job_with_a_reason_and_no_other(
    mortal: Server, stocked: shops.Shop
) -> None:
    version = shops.start_version(stocked, "aws-user-personalization")
    describe = mortal.client("personalize").describe_solution_version
    wait_for(describe, "solutionVersion", solutionVersionArn=version)
    os.kill(worker_of(mortal.process.pid), signal.SIGKILL)
    described = shops.version_of(stocked, version)
    assert described["status"] == "CREATE FAILED"
    assert "ended unexpectedly" in described["failureReason"]
    retried = shops.version_of(stocked, shops.start_version(stocked, "aws-popularity-count"))
    assert retried["status"] == "ACTIVE"


def test_every_acknowledged_event_counts_after_a_kill_and_once_only(mortal: Server, stocked: shops.Shop) -> None:
    """Events go in until the server dies under them; those acknowledged, and at most the one in flight, are there."""
    runtime = mortal.client("personalize-runtime")
    tracking_id = shops.add_tracker(stocked)
    campaign = shops.deploy(stocked, shops.trained_version(stocked, "aws-user-personalization"))
    before = runtime.get_recommendations(campaignArn=campaign, userId="u1")["itemList"]
    acknowledged = put_events_until_killed(mortal, tracking_id, after=150)
    mortal.start()
    connection = sqlite3.connect(f"file:{mortal.state}/personalize/events.sqlite?mode=ro", uri=True)
    stored = [int(row[0]) for row in connection.execute("SELECT event_id FROM events ORDER BY number")]
    connection.close()
    assert stored[:acknowledged] == list(range(acknowledged))
    assert len(stored) <= acknowledged + 1
    assert runtime.get_recommendations(campaignArn=campaign, userId="u1")["itemList"] == before
    answer = runtime.get_recommendations(campaignArn=campaign, userId="u-kill", numResults=3)["itemList"]
    assert f"i{len(stored) % 60}" in [entry["itemId"] for entry in answer]


def test_acknowledged_actions_and_action_interactions_survive_a_kill(mortal: Server) -> None:
    shop = shops.open_shop(mortal.client)
    for kind, schema in (("Actions", shops.ACTIONS), ("Action_Interactions", shops.ACTED)):
        arn = shops.add_dataset(shop, kind, schema)
        described = shops.settled(mortal.client("personalize").describe_dataset, "dataset", datasetArn=arn)
    shops.put_actions(shop, {"join": {"channel": "app"}})
    event = {"sessionId": "s", "actionId": "join", "eventType": "Not Taken", "timestamp": 1_700_000_000, "eventId": "e"}
    asked = {"trackingId": described["trackingId"], "actionInteractions": [event]}
    mortal.client("personalize-events").put_action_interactions(**asked)
    mortal.kill()
    mortal.start()
    mortal.client("personalize-events").put_action_interactions(**asked)
    connection = sqlite3.connect(f"file:{mortal.state}/personalize/events.sqlite?mode=ro", uri=True)
    query = "SELECT session, action, type, sent, event_id FROM action_events WHERE dataset_group = ?"
    assert connection.execute(query, (shop.group,)).fetchall() == [("s", "join", "NOT_TAKEN", 1_700_000_000, "e")]
    assert connection.execute("SELECT count(*) FROM records WHERE id = 'join'").fetchone() == (1,)
    connection.close()


def put_events_until_killed(mortal: Server, tracking_id: str, after: int) -> int:
    """One event after the other, the server killed when `after` are in; how many were acknowledged."""
    acknowledged = 0
    while True:
        if acknowledged == after:
            os.kill(mortal.process.pid, signal.SIGKILL)
        event = {"eventType": "view", "sentAt": 1_700_000_000 + acknowledged, "itemId": f"i{acknowledged % 60}"}
        ids = {"trackingId": tracking_id, "userId": "u-kill", "sessionId": "s-kill"}
        try:
            mortal.client("personalize-events").put_events(**ids, eventList=[{**event, "eventId": str(acknowledged)}])
        except BotoCoreError:
            mortal.process.wait()
            return acknowledged
        acknowledged += 1


def wait_for(describe: Any, key: str, **arn: str) -> None:
    """Until the work is really under way."""
    while describe(**arn)[key]["status"] != "CREATE IN_PROGRESS":
        time.sleep(0.01)


def worker_of(pid: int) -> int:
    """The Personalize worker of a server, once its program runs: a job may be in progress before that."""
    for _ in range(1000):
        found = [one.pid for one in psutil.Process(pid).children() if "jobs.zygote" in " ".join(one.cmdline())]
        if found:
            return found[0]
        time.sleep(0.01)
    raise AssertionError(f"process {pid} has no Personalize worker")


def test_what_a_kill_left_of_an_erased_group_is_gone_after_the_next_start(mortal: Server) -> None:
    """A group made again under the same name must not inherit the events of the one before."""
    mortal.kill()
    with closing(sqlite3.connect(mortal.state / "personalize" / "events.sqlite")) as events, events:
        events.execute(
            "INSERT INTO events (dataset_group, session, type, sent, more) VALUES ('arn:erased', 's', 'view', 1, '{}')"
        )
        events.execute("INSERT INTO records VALUES ('arn:erased/ITEMS', 'i1', '{}')")
    mortal.start()
    left = """SELECT (SELECT count(*) FROM events WHERE dataset_group = 'arn:erased'),
                     (SELECT count(*) FROM records WHERE dataset = 'arn:erased/ITEMS')"""
    with closing(sqlite3.connect(mortal.state / "personalize" / "events.sqlite")) as events:
        eventually(lambda: events.execute(left).fetchone() == (0, 0))


def test_what_a_kill_left_of_what_an_import_replaced_is_gone_after_the_next_start(
    mortal: Server, stocked: shops.Shop
) -> None:
    """As if it had come after the import's end, before the event log was told; i2 has been put anew."""
    folder, items = mortal.state / "personalize", stocked.datasets["Items"]
    again = shops.import_csv(stocked, "Items", f"s3://{stocked.bucket}/Items.csv", importMode="INCREMENTAL")
    job = again["datasetImportJobArn"]
    mortal.kill()
    with closing(sqlite3.connect(folder / "control.sqlite")) as state:
        (number,) = state.execute("SELECT number FROM resources WHERE arn = ?", (job,)).fetchone()
    with closing(sqlite3.connect(folder / "events.sqlite")) as events, events:
        put = [(items, "i1", "{}"), (items, "i2", '{"PRICE": 1}')]
        events.executemany("INSERT INTO records VALUES (?, ?, ?)", put)
    listed = folder / "jobs" / f"{number}.replaced"
    listed.write_text(json.dumps([("i1", "{}"), ("i2", "{}")]))
    mortal.start()
    eventually(lambda: not listed.exists())
    with closing(sqlite3.connect(folder / "events.sqlite")) as events:
        assert events.execute("SELECT id FROM records WHERE dataset = ?", (items,)).fetchall() == [("i2",)]
