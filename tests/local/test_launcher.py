"""Starting and stopping, and every way in which that can go wrong."""

import argparse
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading

import psutil
import pytest

from recsys.errors import LocalError
from recsys.local import launcher
from recsys.local.aws.state.store import Store
from recsys.local.options import Options
from recsys.local.processes import Ours


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    yield folder
    launcher.down(folder)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One server for the tests that leave it running."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    found = launcher.up(port, tmp_path_factory.mktemp("running") / "state")
    yield found
    launcher.down(found.state)


def port_of(found):
    return int(found.endpoint.rsplit(":", 1)[1])


@pytest.fixture
def lines():
    return []


def test_up_where_it_runs_already_says_so_and_starts_nothing(running, lines):
    assert launcher.up(port_of(running), running.state, report=lines.append).pid == running.pid
    assert lines == [f"the embedded AWS runs already: {running.endpoint} (process {running.pid})"]


def test_one_state_has_one_server(running):
    with pytest.raises(LocalError, match=f"runs on {running.endpoint} already"):
        launcher.up(port_of(running) + 1, running.state)


def test_a_port_of_another_embedded_aws_is_named_with_its_state(running, state):
    with pytest.raises(LocalError, match=rf"in use by the embedded AWS of {running.state} .*--port"):
        launcher.up(port_of(running), state)
    assert not list(state.glob("*.sqlite"))


def test_the_server_has_a_session_of_its_own_to_outlive_the_terminal(running):
    assert os.getsid(running.pid) == running.pid != os.getsid(0)


def test_down_waits_for_nobody_to_bury_what_has_ended(state, free_port, lines):
    """As in a container whose first process looks after no others."""
    code = (
        f"import time; from recsys.local import launcher; launcher.up({free_port}, {str(state)!r}); print(flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", f"{code}; time.sleep(90)"], stdout=subprocess.PIPE) as parent:
        parent.stdout.readline()
        assert launcher.down(state, report=lines.append)
        parent.kill()
    assert "is stopped" in lines[0]


def test_the_exports_are_all_that_an_aws_program_needs(running, tmp_path):
    code = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **launcher.env(port_of(running))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == "000000000000", done.stderr


def test_the_exports_of_a_state_are_those_of_its_server(running, tmp_path):
    assert launcher.exports(running.state) == launcher.env(port_of(running))
    with pytest.raises(LocalError, match=f"the embedded AWS of {tmp_path} does not run; start it with: .*--state"):
        launcher.exports(tmp_path)


def test_whoever_serves_a_port_is_found_whatever_its_state(running, free_port):
    assert launcher.serving(port_of(running)).state == running.state
    assert launcher.serving(free_port) is None


def test_a_server_of_fewer_services_does_not_pass_for_the_whole(running):
    with pytest.raises(LocalError, match=rf"the embedded AWS runs on {running.endpoint} already; .*--state"):
        launcher.up(port_of(running), running.state, options=Options("personalize"))


def test_schedules_run_in_real_time_unless_told_otherwise(running):
    assert running.health["services"] == "all"
    assert running.health["personalize"]["clock"] == {"day_seconds": 86400.0, "auto_training": True}
    assert running.health["personalize"]["cloudwatch"] == running.endpoint


def test_options_arrive_at_the_server_as_they_were_given():
    options = Options(
        "personalize",
        "http://127.0.0.1:1",
        "111122223333",
        auto_training=False,
        day_seconds=0.5,
        requests_per_second=2.5,
    )
    parser = argparse.ArgumentParser()
    Options.add_to(parser)
    assert Options(**vars(parser.parse_args(options.arguments()))) == options


def test_a_killed_server_is_taken_up_and_down_leaves_nothing_behind(state, free_port, lines, monkeypatch):
    monkeypatch.setattr(launcher, "TOLD_EVERY", 0.0)
    killed = launcher.up(free_port, state, report=lines.append).pid
    assert lines[0].startswith(f"waiting for http://127.0.0.1:{free_port} to answer, for ")
    left_behind = (state / "temporary-folder").read_text().strip()
    os.kill(killed, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(killed)] if psutil.pid_exists(killed) else [], timeout=10)
    found = launcher.up(free_port, state, report=lines.append)
    assert f"process {killed} has ended without a clean stop; its state in {state} is taken up" in lines
    temporary = (state / "temporary-folder").read_text().strip()
    assert launcher.down(state, report=lines.append)
    assert not psutil.pid_exists(found.pid) or psutil.Process(found.pid).status() == psutil.STATUS_ZOMBIE
    assert not os.path.exists(left_behind)
    assert not os.path.exists(temporary)
    assert not launcher.down(state, report=lines.append)
    assert lines[-1] == "the embedded AWS is not running"


@pytest.fixture
def somebody():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def test_a_process_number_given_to_somebody_else_is_never_stopped(state, somebody):
    state.mkdir()
    Ours(somebody.pid, 1).write(state)
    assert not launcher.status(state).running
    assert not launcher.down(state)
    assert somebody.poll() is None


def test_a_state_that_is_held_is_neither_removed_nor_its_holder_mistaken(tmp_path, somebody):
    with (tmp_path / "server.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Ours(somebody.pid, 1).write(tmp_path)
        assert launcher.status(tmp_path).running
        with pytest.raises(LocalError, match=f"process {somebody.pid} does not hold it"):
            launcher.reset(tmp_path)
        (tmp_path / "server.json").unlink()
        with pytest.raises(LocalError, match=r"server\.lock is held, and there is no server\.json"):
            launcher.reset(tmp_path)
    assert somebody.poll() is None
    assert tmp_path.exists()


def test_a_server_runs_whatever_the_clock_said_at_its_start(running):
    note = running.state / "server.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "created": 0.0}))
    assert launcher.status(running.state).pid == running.pid


@pytest.mark.parametrize("note", ["", "{", '{"pid": 1}', '["x"]'])
def test_a_note_that_cannot_be_read_is_no_server(state, note):
    state.mkdir()
    (state / "server.json").write_text(note)
    assert not launcher.status(state).running


def test_a_port_of_somebody_else_is_named_with_its_process_and_with_each_commands_way_to_another(state):
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(LocalError) as refusal:
        launcher.up(other.getsockname()[1], state)
    assert f"in use by process {os.getpid()} (" in str(refusal.value)
    assert "of recsys local up, --set aws.endpoint=http://127.0.0.1:" in str(refusal.value)


def test_two_starts_at_once_end_with_one_server(state, free_port):
    found, refused = [], []

    def start():
        try:
            found.append(launcher.up(free_port, state))
        except LocalError as error:
            refused.append(str(error))

    starts = [threading.Thread(target=start) for _ in range(2)]
    for one in starts:
        one.start()
    for one in starts:
        one.join()
    assert len(found) >= 1
    assert all("in use" in reason for reason in refused)
    assert Ours.read(state).process(state) is not None


@pytest.mark.parametrize(
    "name", ["state.sqlite", "streams.sqlite", "personalize/events.sqlite", "sagemaker/control.sqlite"]
)
def test_a_damaged_state_is_named_and_reset_keeps_it_aside(state, free_port, lines, name):
    (state / name).parent.mkdir(parents=True)
    (state / name).write_bytes(b"not a database" * 1000)
    with pytest.raises(LocalError) as refusal:
        launcher.up(free_port, state)
    assert str(state / name) in str(refusal.value)
    assert "recsys local reset" in str(refusal.value)
    launcher.reset(state, report=lines.append)
    (kept,) = state.parent.glob("state.damaged-*")
    assert (kept / name).read_bytes().startswith(b"not a database")
    assert str(kept) in lines[-1]
    assert not state.exists()


def test_reset_removes_a_sound_state(state, lines):
    state.mkdir()
    Store(state / "state.sqlite").close()
    launcher.reset(state, report=lines.append)
    assert not state.exists()
    assert lines[-1] == f"{state} is removed"


def test_reset_removes_nothing_that_is_no_state_folder(tmp_path):
    (tmp_path / "one.jpg").write_bytes(b"kept")
    with pytest.raises(LocalError, match="not the state folder"):
        launcher.reset(tmp_path)
    assert (tmp_path / "one.jpg").exists()


def test_a_state_folder_that_is_a_file_is_refused(tmp_path, free_port):
    (tmp_path / "state").write_text("")
    with pytest.raises(LocalError, match=r"cannot be used .*--state"):
        launcher.up(free_port, tmp_path / "state")
