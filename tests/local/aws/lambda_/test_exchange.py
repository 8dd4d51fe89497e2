"""What a function writes is told with the call it was written in, and its answer comes as it was given."""

import base64
import json

import pytest
from stream_pipeline import function

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
    assert call(lines=1)[2].splitlines()[-1].startswith("line 0")


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
