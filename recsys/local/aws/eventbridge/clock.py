"""The clock of EventBridge's rules, which can be set ahead: what is scheduled for Sunday is seen on Friday.

`POST /_recsys/clock` with `{"at": "2026-12-06T04:00:00+00:00"}` makes that moment the present for rules; a rule that
fell due on the way fires once before the answer, `{"at": ...}`. Time goes on from there, never back, until the server
stops. Only rules follow this clock: models, metrics and objects keep the real time.
"""

import asyncio
import json
import threading
import time
from datetime import datetime

from ministack.services import eventbridge

from recsys.local.shared.http import Receive, Send, respond, whole_body

EXPECTED = 'expected {"at": "2026-12-06T04:00:00+00:00"}, a moment with its offset, later than what the clock shows'

_ahead = 0.0  # seconds
_firing = threading.Lock()  # MiniStack does every ten seconds: together they would fire a rule twice
_fire = eventbridge._tick_scheduled_rules


def install() -> None:
    """Let rules go by this clock."""
    eventbridge._now_ts = now
    eventbridge._tick_scheduled_rules = fire_due_rules


def now() -> float:
    """What the clock shows, epoch seconds."""
    return time.time() + _ahead


def fire_due_rules() -> None:
    """Fire the rules that are due, as MiniStack's scheduler does every ten seconds; never twice at once."""
    with _firing:
        _fire()


def set_ahead(moment: float) -> None:
    """Make `moment` (epoch seconds) the present. Raises ValueError for a past one."""
    global _ahead
    if moment < now():
        raise ValueError(EXPECTED)
    fire_due_rules()  # a rule counts from when it is first looked at
    _ahead = moment - time.time()
    fire_due_rules()


async def answer(receive: Receive, send: Send) -> None:
    """Answer a request to set the clock; 400 where it makes no sense."""
    body = await whole_body(receive)
    try:
        moment = datetime.fromisoformat(json.loads(body)["at"])
        await asyncio.to_thread(set_ahead, moment.timestamp() if moment.tzinfo else -1.0)
        status, said = 200, {"at": moment.isoformat()}
    except (ValueError, TypeError, KeyError):
        status, said = 400, {"error": EXPECTED}
    await respond(send, status, said)
