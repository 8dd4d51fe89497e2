"""What a function writes is told with the call it was written in, and its answer comes as it was given."""

import base64
import json
import re
import subprocess
import sys

import pytest
from stream_pipeline import function

from recsys.local.aws.lambda_ import exchange
from recsys.local.aws.lambda_.exchange import BYTES, CHUNK, EVENT, MARK, Conversation, Log, Pipe

TALKING = """
import os, sys, time

print("made ready")


def handler(event, context):
    for number in range(event.get("lines", 0)):
        print(f"line {number} {'.' * 100}")
    sys.stderr.write(event.get("unended", ""))
    os.write(1, event.get("raw", "").encode())
    if "leave" in event:
        os._exit(event["leave"])
    time.sleep(event.get("sleep", 0))
    return "=" * event.get("answer", 0)
"""

FLOOD = """
import fcntl, os, time

fcntl.fcntl(2, fcntl.F_SETPIPE_SZ, 1 << 20)  # never empty, as it is filled while it is read
end = time.monotonic() + 4
while time.monotonic() < end:
    os.write(2, b"x\\n" * 32768)
os.write(1, b'{"status": "ok"}\\n')
"""
ANSWERED = f"""
import os, time

os.write(1, b'{{"status": "ok"}}\\n')
time.sleep(0.2)
%s
time.sleep(0.2)
os.write(2, b"{MARK}call\\n")
"""


@pytest.fixture
def conversation():
    """`conversation(script)`: with a process that runs the script, and reads nothing."""
    made = []

    def begun(script):
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        made.append(subprocess.Popen([sys.executable, "-c", script], text=True, **pipes))
        return Conversation(made[-1])

    yield begun
    for process in made:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def call(client):
    """Calls one function: its answer, its error, and the end of its log."""
    function(client, "talking", TALKING)
    client("lambda").update_function_configuration(FunctionName="talking", Timeout=1)

    def called(**event):
        answer = client("lambda").invoke(FunctionName="talking", LogType="Tail", Payload=json.dumps(event))
        log = base64.b64decode(answer.get("LogResult", "")).decode()
        return json.loads(answer["Payload"].read()), answer.get("FunctionError"), log

    yield called
    client("lambda").delete_function(FunctionName="talking")


def test_more_lines_and_a_larger_answer_than_a_pipe_holds_come_through(call):
    answer, error, log = call(lines=3000, answer=300_000)
    assert (answer, error) == ("=" * 300_000, None)
    assert log.splitlines()[-1].startswith("line 2999 ")


def test_a_last_line_without_an_end_is_told_with_its_call_and_no_other(call):
    assert call(lines=1, unended="no end")[2].endswith("\nno end")
    assert "no end" not in call(lines=1)[2]


def test_what_a_program_of_the_function_prints_is_no_answer(call):
    assert call(raw='no answer\n{"status": 1}\n{\n', answer=3)[:2] == ("===", None)


@pytest.mark.parametrize(
    ("event", "says"), [({"sleep": 9}, "Task timed out after 1.00 seconds"), ({"leave": 3}, "Worker process died")]
)
def test_who_is_too_late_or_ends_leaves_its_lines_and_the_next_call_has_a_worker(call, event, says):
    answer, error, log = call(lines=2, **event)
    assert (answer["errorMessage"], error) == (says, "Unhandled")
    assert "line 1 " in log
    assert call(answer=1)[:2] == ("=", None)


def test_what_is_written_before_the_first_call_is_told_with_it(client, call):
    client("lambda").update_function_configuration(FunctionName="talking", Environment={"Variables": {"NEW": "1"}})
    assert "made ready" in call()[2]
    assert "made ready" not in call()[2]


def test_who_writes_without_end_is_too_late_all_the_same(conversation):
    with pytest.raises(TimeoutError):
        conversation(FLOOD).ask({}, "call", 0.5)


def test_what_a_program_writes_after_the_end_is_not_read_for_ever(conversation):
    flooded = conversation(FLOOD)
    with pytest.raises(TimeoutError):
        flooded.ask({}, "call", 0.5)
    flooded.log.take()
    flooded.read_rest()
    assert len(flooded.log) <= CHUNK  # two bytes each, of two reads


def test_of_lines_without_end_as_many_are_kept_as_a_log_takes(conversation, monkeypatch):
    monkeypatch.setattr(exchange, "EVENTS", 1000)
    flooded = conversation(FLOOD)
    with pytest.raises(TimeoutError):
        flooded.ask({}, "call", 1)
    *kept, last = flooded.log.take().splitlines()
    assert (len(kept), set(kept)) == (1000, {"x"})
    assert re.fullmatch(r"\[recsys\] [\d,]+ lines more than a call's log takes here were dropped", last)
    assert flooded.log.take() == ""


def test_a_line_without_end_comes_in_parts_and_is_kept_as_far_as_a_log_takes_it(conversation, monkeypatch):
    monkeypatch.setattr(exchange, "BYTES", 3 * EVENT)
    flooded = conversation(FLOOD.replace('b"x\\n"', 'b"xx"'))
    with pytest.raises(TimeoutError):
        flooded.ask({}, "call", 1)
    *kept, last = flooded.log.take().splitlines()
    assert {len(line) <= EVENT for line in kept} == {True}
    assert EVENT < sum(map(len, kept)) <= 3 * EVENT
    assert last.startswith("[recsys] ")


def test_what_is_printed_without_end_beside_the_answers_is_not_kept(conversation, monkeypatch):
    monkeypatch.setattr(exchange, "ANSWER", EVENT)
    flooded = conversation("import os\nwhile True:\n    os.write(1, b'x' * 65536)")
    with pytest.raises(TimeoutError):
        flooded.ask({}, "call", 0.5)
    assert len(flooded._answers._part) <= EVENT


def test_an_answer_that_cannot_be_read_for_its_depth_is_none(conversation):
    deep = "os.write(1, b'{\"a\":' * 50_000 + b'\\n')"
    assert conversation(f"import os\n{deep}\n{ANSWERED % 'pass'}").ask({}, "call", 5) == {"status": "ok"}


def test_a_long_line_is_parted_between_its_characters(tmp_path):
    path = tmp_path / "line"
    path.write_text("x" + "€" * 200_000)
    with path.open() as stream:
        pipe, parts = Pipe(stream, EVENT), []
        while (read := pipe.read()) is not None:
            parts += read
    assert len(parts) > 1 and "".join(parts) == path.read_text()


def test_a_log_takes_so_many_bytes_whatever_the_characters():
    log, line = Log(), "€" * 100_000
    log.add([line] * 104)
    assert len(log) == BYTES // (len(line.encode()) + exchange.OVERHEAD)


@pytest.mark.parametrize("then", ["os.write(1, b'more\\n')", "os.close(1)"])
def test_an_answer_stays_whatever_comes_before_the_last_line(conversation, then):
    assert conversation(ANSWERED % then).ask({}, "call", 5) == {"status": "ok"}


@pytest.mark.parametrize(
    ("name", "moved"), [("moved", "os.dup2(elsewhere.fileno(), 2)"), ("replaced", "sys.__stderr__ = elsewhere")]
)
def test_a_function_that_moves_its_standard_error_moves_no_mark_that_its_call_waits_for(client, tmp_path, name, moved):
    path = tmp_path / "elsewhere"
    code = f"import os, sys\nelsewhere = open({str(path)!r}, 'w', buffering=1)\n{moved}\n"
    function(client, name, code + "def handler(event, context):\n    return 1\n")
    for _ in range(2):
        assert client("lambda").invoke(FunctionName=name)["Payload"].read() == b"1"
    assert MARK not in path.read_text()
    client("lambda").delete_function(FunctionName=name)
