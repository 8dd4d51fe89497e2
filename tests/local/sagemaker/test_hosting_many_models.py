"""Many models behind one endpoint: loaded at the first call, once, and dropped when others need the place."""

import asyncio
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hosts import archive, awaited, fleet, say, variant

from recsys.local.sagemaker.hosting import Refused, Variant


class Store:
    """Models by name, and how often each was fetched."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.fetched = folder, Counter()

    async def fetch(self, target: str) -> Path:
        self.fetched[target] += 1
        return shutil.copy(self.folder / target, self.folder / f"{self.fetched.total()}.fetched")

    def many(self, **settings: int) -> Variant:
        empty = archive(self.folder / "empty.tar.gz")
        return variant(self.folder, model=empty, fetch=self.fetch, **settings)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    for shop in ("north", "south", "west"):
        archive(tmp_path / f"{shop}.tar.gz", name=shop)
    return Store(tmp_path)


@awaited
async def test_a_model_is_loaded_at_its_first_call_once_for_all_that_wait(tmp_path: Path, store: Store) -> None:
    async with fleet(tmp_path, store.many()) as served:
        answers = await asyncio.gather(*(say(served, target_model="north.tar.gz") for _ in range(8)))
        assert set(answers) == {"north"}
        assert await say(served, target_model="south.tar.gz") == "south"
        assert store.fetched == {"north.tar.gz": 1, "south.tar.gz": 1}


@awaited
async def test_the_model_used_longest_ago_makes_room(tmp_path: Path, store: Store) -> None:
    async with fleet(tmp_path, store.many(loaded_models=2)) as served:
        for shop in ("north", "south", "north", "west", "north", "south"):
            assert await say(served, target_model=f"{shop}.tar.gz") == shop
        assert store.fetched == {"north.tar.gz": 1, "south.tar.gz": 2, "west.tar.gz": 1}
        assert not list(tmp_path.glob("*.fetched"))
        assert len(list((tmp_path / "fleet").glob("*/models/*"))) == 2


@awaited
async def test_a_model_that_cannot_load_answers_why_and_is_tried_again(tmp_path: Path, store: Store) -> None:
    async with fleet(tmp_path, store.many()) as served:
        archive(tmp_path / "east.tar.gz", fails="no items")
        answer = await served.invoke(b"", {}, target_model="east.tar.gz")
        assert (answer.status, answer.body) == (500, b"no items")
        archive(tmp_path / "east.tar.gz", name="east")
        assert await say(served, target_model="east.tar.gz") == "east"


@awaited
async def test_models_are_loaded_again_after_their_process_was_replaced(tmp_path: Path, store: Store) -> None:
    async with fleet(tmp_path, store.many()) as served:
        assert await say(served, target_model="north.tar.gz") == "north"
        with pytest.raises(Exception, match="No process"):
            await served.invoke(b"die", {}, target_model="north.tar.gz")
        assert await say(served, target_model="north.tar.gz") == "north"


@awaited
async def test_a_target_model_is_for_multi_model_endpoints_and_them_alone(tmp_path: Path, store: Store) -> None:
    async with fleet(tmp_path, store.many()) as many, fleet(tmp_path, variant(tmp_path)) as one:
        with pytest.raises(Refused, match="is missing a target model header"):
            await many.invoke(b"", {})
        with pytest.raises(Refused, match="Endpoint shop is not a multi-model endpoint"):
            await one.invoke(b"", {}, target_model="north.tar.gz")


@awaited
async def test_a_corrupt_archive_is_refused_and_the_others_go_on(tmp_path: Path, store: Store) -> None:
    async with fleet(tmp_path, store.many()) as served:
        (tmp_path / "east.tar.gz").write_bytes(b"no archive")
        with pytest.raises(Refused, match=r'from URL "east.tar.gz". Please ensure'):
            await served.invoke(b"", {}, target_model="east.tar.gz")
        assert not list(tmp_path.glob("*.fetched"))
        assert await say(served, target_model="north.tar.gz") == "north"
