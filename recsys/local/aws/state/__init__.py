"""What MiniStack keeps in memory, saved about once a second while it changes, and brought back at the next start.

MiniStack itself saves at a clean stop only, one file per service, after it has copied all of it. Here what changed is
saved while it serves, in one transaction: a `kill -9` costs about a second.

autosave         the thread that saves
capture          MiniStack's state as pieces of JSON, and back
hashes           what the last save wrote, so that the next writes only what differs
changed_items    which items of tables changed since
changed_streams  which streams of log groups changed since
changed_stacks   whether stacks may have changed since
queue_addresses  the addresses of queues, where the server answers at another port than the one before
store            the SQLite file
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recsys.local.aws.state.autosave import Autosave


def install(autosave: "Autosave") -> None:
    """Note what changes from now on, and keep the code that the last save needs."""
    from recsys.local.aws.state import changed_items  # here: the store is also read by who has no MiniStack

    changed_items.install()
    autosave.install()
