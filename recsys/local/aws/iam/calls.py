"""What each role asked for, and whether it was allowed: the record behind `recsys local calls`.

It is kept in memory, from the start of the server on: which actions a role needs is seen by watching it work.
"""

import threading
import time
from collections import OrderedDict
from typing import Any

MOST = 20_000  # distinct calls kept; the one not seen for longest goes first

Call = tuple[str, str, str, bool]  # role, action, resource, allowed

_seen: OrderedDict[Call, dict[str, Any]] = OrderedDict()
_lock = threading.Lock()


def note(role: str, action: str, resource: str, allowed: bool) -> None:
    """Keep one call."""
    call = (role, action, resource, allowed)
    with _lock:
        entry = _seen.setdefault(call, {"count": 0, "last": 0.0})
        entry["count"] += 1
        entry["last"] = time.time()
        _seen.move_to_end(call)
        if len(_seen) > MOST:
            _seen.popitem(last=False)


def listed() -> list[dict[str, Any]]:
    """Every distinct call: role, action, resource, allowed, count, last (epoch seconds); sorted."""
    with _lock:
        found = [(call, dict(entry)) for call, entry in _seen.items()]
    names = ("role", "action", "resource", "allowed")
    return [dict(zip(names, call, strict=True)) | entry for call, entry in sorted(found, key=lambda each: each[0])]
