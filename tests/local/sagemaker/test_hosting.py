"""Endpoints as processes: start, failure, switch under load, weights, replacement, and nothing left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from hosts import ENVIRONMENT, HERE, archive, awaited, children, fleet, say, variant
from waiting import eventually

from recsys.local.sagemaker.hosting import HostingFailed, Refused, TimedOut, Unavailable


@awaited
async def test_an_endpoint_answers_with_its_model_and_says_who_answered(tmp_path: Path) -> None:
    async with fleet(tmp_path, variant(tmp_path)) as served:
        answer = await served.invoke(b"", {"Content-Type": "text/plain"})
        assert (answer.status, answer.body, answer.variant) == (200, b"a", "AllTraffic")


@awaited
async def test_what_a_container_writes_is_handed_on_line_by_line(tmp_path: Path) -> None:
    async with fleet(tmp_path, variant(tmp_path)) as served:
        stream, line = served.lines[0]
        assert stream.startswith("AllTraffic/i-")
        assert line == "loading {'name': 'a'}"


@awaited
async def test_a_container_that_ends_at_its_start_fails_with_its_last_words(tmp_path: Path) -> None:
    broken = variant(tmp_path, model=archive(tmp_path / "broken.tar.gz", fails="items.npy is not there"))
    async with fleet(tmp_path) as served:
        with pytest.raises(HostingFailed) as failure:
            await served.start([variant(tmp_path, "Good"), broken])
        assert failure.value.reason == (
            "The primary container for production variant AllTraffic did not pass the ping health check. Please check "
            "CloudWatch logs for this endpoint. "
            "(the process ended with exit code 1 after writing: items.npy is not there)"
        )
        assert children() == []


@awaited
async def test_a_container_that_answers_no_ping_in_time_fails(tmp_path: Path) -> None:
    silent = variant(tmp_path, model=archive(tmp_path / "silent.tar.gz", name="a", silent=True), startup_seconds=0.5)
    async with fleet(tmp_path) as served:
        with pytest.raises(HostingFailed, match=r"did not pass the ping health check.*no answer in 0.5 s"):
            await served.start([silent])
        assert children() == []


@pytest.mark.parametrize("damage", [lambda whole: b"no archive", lambda whole: whole[:-20], lambda whole: b""])
@awaited
async def test_a_corrupt_archive_fails_and_names_itself(tmp_path: Path, damage) -> None:
    model = archive(tmp_path / "a.tar.gz", name="a" * 1000)
    model.write_bytes(damage(model.read_bytes()))
    async with fleet(tmp_path) as served:
        with pytest.raises(HostingFailed) as failure:
            await served.start([variant(tmp_path, model=model)])
        assert 'for container "container_1" from URL "s3://shop/model.tar.gz". Please ensure' in failure.value.reason
        assert list((tmp_path / "fleet").rglob("*")) == []


@awaited
async def test_an_archive_writes_nothing_outside_its_folder(tmp_path: Path) -> None:
    model = archive(tmp_path / "a.tar.gz", "../../../escaped.json", name="a")
    async with fleet(tmp_path) as served:
        with pytest.raises(HostingFailed, match="Failed to extract model data archive"):
            await served.start([variant(tmp_path, model=model)])
    assert not list(tmp_path.rglob("escaped.json"))


@awaited
async def test_a_switch_under_load_fails_no_call(tmp_path: Path) -> None:
    async with fleet(tmp_path, variant(tmp_path, answers="a", instances=2)) as served:
        answers, switched = [], asyncio.Event()

        async def call() -> None:
            while not switched.is_set():
                answers.append(await say(served, "sleep 0.01"))

        clients = [asyncio.create_task(call()) for _ in range(16)]
        await asyncio.sleep(0.1)
        await served.switch([variant(tmp_path, "Other", answers="b", instances=2)])
        switched.set()
        await asyncio.gather(*clients)
        assert answers[0] == "a"
        assert answers[-1] == await say(served) == "b"
        assert len(children()) == 2


@awaited
async def test_a_model_that_cannot_load_leaves_the_old_one_serving(tmp_path: Path) -> None:
    async with fleet(tmp_path, variant(tmp_path)) as served:
        before = children()
        broken = variant(tmp_path, model=archive(tmp_path / "broken.tar.gz", fails="no items"))
        with pytest.raises(HostingFailed, match="no items"):
            await served.switch([broken])
        assert await say(served) == "a"
        assert children() == before


@awaited
async def test_a_call_on_a_killed_process_is_answered_by_the_one_in_its_place(tmp_path: Path) -> None:
    async with fleet(tmp_path, variant(tmp_path)) as served:
        pid = int(await say(served, "pid"))
        call = asyncio.create_task(say(served, "sleep 0.3"))
        await asyncio.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        assert await call == "a"
        assert int(await say(served, "pid")) != pid


@awaited
async def test_a_call_that_ends_its_process_is_tried_twice_and_no_more(tmp_path: Path) -> None:
    async with fleet(tmp_path, variant(tmp_path)) as served:
        with pytest.raises(Unavailable):
            await served.invoke(b"die", {})
        assert await say(served) == "a"
        assert len([line for _, line in served.lines if "ended with exit code 3" in line]) == 2


@awaited
async def test_a_call_without_an_answer_in_time_is_reported_as_aws_does(tmp_path: Path) -> None:
    async with fleet(tmp_path, variant(tmp_path)) as served:
        with pytest.raises(TimedOut, match="Your invocation timed out while waiting for a response"):
            await served.invoke(b"sleep 0.5", {}, seconds=0.1)


@awaited
async def test_traffic_follows_the_weights_and_a_target_overrides_them(tmp_path: Path) -> None:
    old, new = variant(tmp_path, "Old", "a", weight=0.0), variant(tmp_path, "New", "b", weight=2.0)
    async with fleet(tmp_path, old, new) as served:
        assert {await say(served) for _ in range(20)} == {"b"}
        assert await say(served, target_variant="Old") == "a"
        await served.reweigh({"Old": (1.0, 1), "New": (1.0, 1)})
        assert {await say(served) for _ in range(60)} == {"a", "b"}
        with pytest.raises(Refused, match="Variant Third not found"):
            await served.invoke(b"", {}, target_variant="Third")


@awaited
async def test_the_least_busy_instance_answers(tmp_path: Path) -> None:
    async with fleet(tmp_path, variant(tmp_path, instances=2)) as served:
        busy = asyncio.create_task(say(served, "sleep 0.3"))
        await asyncio.sleep(0.05)
        assert len({await say(served, "pid") for _ in range(5)}) == 1
        assert await busy == "a"


@awaited
async def test_instances_come_and_go_without_a_new_start_of_the_others(tmp_path: Path) -> None:
    async with fleet(tmp_path, variant(tmp_path)) as served:
        [first] = children()
        await served.reweigh({"AllTraffic": (1.0, 2)})
        assert len(children()) == 2
        await served.reweigh({"AllTraffic": (1.0, 1)})
        assert children() == [first]
        assert served.variants[0].instances == 1


@awaited
async def test_nothing_is_left_after_a_stop(tmp_path: Path) -> None:
    async with fleet(tmp_path, variant(tmp_path, instances=2)) as served:
        await served.stop()
        assert children() == []
        assert list((tmp_path / "fleet").iterdir()) == []


def test_nothing_is_left_when_the_server_is_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio, hosts, pathlib, sys\n"
        "async def serve():\n"
        "    folder = pathlib.Path(sys.argv[1])\n"
        "    async with hosts.fleet(folder, hosts.variant(folder)):\n"
        "        print(*hosts.children(), flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(serve())\n"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], env={**os.environ, **ENVIRONMENT}, stdout=subprocess.PIPE
    )
    pid = int(server.stdout.readline())
    server.kill()
    server.communicate()
    eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 10)


def test_a_module_run_as_a_child_decides_itself_what_a_term_signal_means(tmp_path: Path) -> None:
    (tmp_path / "saves.py").write_text(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "print(__name__, *sys.argv[1:], flush=True)\n"
        "time.sleep(60)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-m", "recsys.local.sagemaker.child", "saves", "one", "two"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{HERE.parents[2]}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout.readline() == b"__main__ one two\n"
    child.terminate()
    assert child.wait() == 143
    child.communicate()
