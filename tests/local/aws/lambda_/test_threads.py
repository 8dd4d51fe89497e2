"""What runs off the server's loop: in whose thread, and what becomes of who waits."""

import asyncio
import threading

import pytest


@pytest.fixture
def threads():
    from recsys.local.aws.lambda_ import threads

    yield threads
    threads._stopping.clear()


@pytest.fixture
def run(threads):
    return threads._run


def test_a_call_takes_the_thread_that_the_one_before_has_left(run):
    async def two():
        return [await run(threading.get_ident) for _ in range(2)]

    first, second = asyncio.run(two())
    assert first == second != threading.get_ident()


def test_calls_at_once_never_wait_for_each_other(run):
    meeting = threading.Barrier(30)

    async def at_once():
        await asyncio.gather(*(run(meeting.wait, 10) for _ in range(30)))

    asyncio.run(at_once())


def test_what_fails_fails_for_who_waits(run):
    with pytest.raises(KeyError, match="missing"):
        asyncio.run(run({}.__getitem__, "missing"))


def test_who_is_cancelled_waits_for_the_end_all_the_same(run):
    ended, may_end = threading.Event(), threading.Event()

    def work():
        may_end.wait(10)
        ended.set()

    async def cancelled():
        task = asyncio.create_task(run(work))
        for _ in range(2):
            await asyncio.sleep(0.02)
            task.cancel()
        assert not task.done()
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    asyncio.run(cancelled())


def test_who_is_cancelled_as_the_server_stops_waits_no_longer(threads, run):
    may_end = threading.Event()

    async def cancelled():
        task = asyncio.create_task(run(may_end.wait, 10))
        await asyncio.sleep(0.02)
        threads.stop()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not may_end.is_set()

    asyncio.run(cancelled())
    may_end.set()
