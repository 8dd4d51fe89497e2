"""The thread that does things in order."""

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
