"""The thread that does things in order."""

import sqlite3
from concurrent.futures import Future

import pytest

from recsys.local.shared.actor import Actor
from recsys.local.shared.errors import broken


def test_what_goes_wrong_is_told_to_who_waits_and_else_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    actor = Actor("worker")

    def fail(reason: str) -> None:
        raise broken(reason)

    actor.later(lambda: fail("nobody waits"))
    with pytest.raises(Exception, match="somebody waits"):
        actor.submit(lambda: fail("somebody waits")).result()
    actor.close()
    assert "a task of worker failed" in caplog.text
    assert "nobody waits" in caplog.text
    assert "somebody waits" not in caplog.text


def test_what_a_full_disk_did_not_take_is_tried_again_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    actor, tried, done = Actor("worker"), [], Future()

    def record() -> None:
        tried.append(1)
        if len(tried) < 3:
            raise sqlite3.OperationalError("database or disk is full")
        done.set_result(True)

    actor.later(record)
    assert done.result(timeout=10)
    actor.close()
    assert caplog.text.count("OperationalError: database or disk is full") == 1
