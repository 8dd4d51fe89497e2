"""kill -9 at random moments of imports, trainings, updates and streams of events, again and again on one state.

`KILLS=50 pytest tests/local/personalize/test_kills.py` kills fifty times; a plain run kills a few.
"""

import os
import random
import sqlite3
import threading
import time
from itertools import count
from typing import Any

import personalize_shop as shops
import pytest
from alone import Server
from botocore.exceptions import BotoCoreError, ClientError

KILLS = int(os.environ.get("KILLS", "4"))
LONGEST = 1.5  # seconds of work before a kill; an import or a training of the shop takes about as long
BURST = 1000  # events a client sends at most before the server dies


class Victim:
    """A stocked server with a campaign that serves, and what it has acknowledged."""

    def __init__(self, server: Server) -> None:
        self.server, self.random = server, random.Random(11)
        self.shop = shops.stocked_shop(server.client)
        self.versions = [shops.trained_version(self.shop, "aws-popularity-count") for _ in range(2)]
        self.campaign = shops.deploy(self.shop, self.versions[0])
        self.tracking_id, self.event_ids = shops.add_tracker(self.shop), count()
        self.acknowledged: list[str] = []
        self.imports: list[str] = []
        self.trainings: list[str] = []

    def work_until_killed(self) -> None:
        """Every kind of work at once, and a kill at a random moment of it."""
        end = time.monotonic() + self.random.uniform(0.0, LONGEST)
        works = (self._put_events, self._import, self._train, self._update)
        threads = [threading.Thread(target=self._until_dead, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        time.sleep(max(0.0, end - time.monotonic()))
        self.server.kill()
        for thread in threads:
            thread.join()

    def _until_dead(self, work: Any) -> None:
        try:
            work(self.server.client("personalize"))
        except (BotoCoreError, ClientError):
            return  # the server is gone, or refuses what the last life has not finished

    def _put_events(self, personalize: Any) -> None:
        events = self.server.client("personalize-events")
        for _ in range(BURST):
            name = str(next(self.event_ids))
            event = {"eventId": name, "eventType": "view", "itemId": "i1", "sentAt": 1_700_000_000 + int(name)}
            events.put_events(trackingId=self.tracking_id, userId="u1", sessionId="s1", eventList=[event])
            self.acknowledged.append(name)

    def _import(self, personalize: Any) -> None:
        location = f"s3://{self.shop.bucket}/Interactions.csv"
        self.imports.append(shops.start_import(self.shop, "Interactions", location))

    def _train(self, personalize: Any) -> None:
        solution = self.versions[0].rpartition("/")[0]
        made = personalize.create_solution_version(solutionArn=solution)
        self.trainings.append(made["solutionVersionArn"])

    def _update(self, personalize: Any) -> None:
        version = self.random.choice(self.versions)
        personalize.update_campaign(campaignArn=self.campaign, solutionVersionArn=version)


@pytest.fixture(scope="module")
def victim(mortal: Server) -> Victim:
    return Victim(mortal)


def test_nothing_acknowledged_is_lost_and_nothing_stays_half_done(victim: Victim) -> None:
    for _ in range(KILLS):
        victim.work_until_killed()
        victim.server.start()
        the_campaign_serves(victim)
    every_job_has_ended(victim)
    every_acknowledged_event_is_there_once(victim)


def the_campaign_serves(victim: Victim) -> None:
    """Right after a start, and with one of the versions it was ever told to serve."""
    personalize, runtime = victim.server.client("personalize"), victim.server.client("personalize-runtime")
    campaign = personalize.describe_campaign(campaignArn=victim.campaign)["campaign"]
    assert campaign["status"] == "ACTIVE"
    assert campaign["solutionVersionArn"] in victim.versions
    assert runtime.get_recommendations(campaignArn=victim.campaign, userId="u1", numResults=5)["itemList"]


def every_job_has_ended(victim: Victim) -> None:
    """Well, since each is taken up where it was cut short; an update too."""
    personalize = victim.server.client("personalize")
    for arn in victim.imports:
        job = shops.settled(personalize.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=arn)
        assert job["status"] == "ACTIVE", job
    for arn in victim.trainings:
        assert shops.version_of(victim.shop, arn)["status"] == "ACTIVE"
    while update := personalize.describe_campaign(campaignArn=victim.campaign)["campaign"].get("latestCampaignUpdate"):
        if update["status"] == "ACTIVE":
            break
        assert "FAILED" not in update["status"], update


def every_acknowledged_event_is_there_once(victim: Victim) -> None:
    """In the order they were sent; one per life may be there that died before it was acknowledged."""
    connection = sqlite3.connect(f"file:{victim.server.state}/personalize/events.sqlite?mode=ro", uri=True)
    stored = [row[0] for row in connection.execute("SELECT event_id FROM events ORDER BY number")]
    connection.close()
    assert len(stored) == len(set(stored))
    assert set(victim.acknowledged) <= set(stored)
    assert len(stored) <= len(victim.acknowledged) + KILLS
