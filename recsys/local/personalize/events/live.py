"""What was put of one dataset group, in memory: each user's events, what was shown, each user's action events."""

from collections import defaultdict
from dataclasses import dataclass, field

Event = tuple[float, str, str, float | None]  # sent at (epoch seconds), item or action, type, value


@dataclass
class Live:
    """The events of one dataset group, by user; those of sessions without a user by session.

    histories: events with items; acted: with actions, of type TAKEN, NOT_TAKEN or VIEWED and without a value. journal:
    every event with an item, in the order they came; shown: the items of every impression likewise. latest: the time of
    the newest event with an item. heard: when each user's newest event came in, since the start; not when it was sent.
    """

    histories: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    acted: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    user_of: dict[str, str] = field(default_factory=dict)
    journal: list[Event] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    heard: dict[str, float] = field(default_factory=dict)
    latest: float = 0.0

    def hear(self, session: str, user: str | None, event: Event | None, shown: list[str] | None, now: float) -> None:
        """As `apply`, of an event that comes in now."""
        self.apply(session, user, event, shown)
        self.heard[self._owner(session, user)] = now

    def apply(self, session: str, user: str | None, event: Event | None, shown: list[str] | None = None) -> None:
        """An event of a session, if it is about an item, and what the user saw when it happened."""
        key = self._owner(session, user)
        self.shown += shown or ()
        if event is not None:
            _insert(self.histories, key, event)
            self.journal.append(event)
            self.latest = max(self.latest, event[0])

    def act(self, session: str, user: str | None, event: Event) -> None:
        """An action event of a session."""
        _insert(self.acted, self._owner(session, user), event)

    def _owner(self, session: str, user: str | None) -> str:
        """Whose history a session's events go to; the first event with a user brings the session's own to it."""
        if user and self.user_of.get(session) != user:
            self.user_of[session] = user
            if session != user:
                _join(self.histories, session, user)
                _join(self.acted, session, user)
        return user or self.user_of.get(session, session)


def _insert(into: dict[str, list[Event]], key: str, event: Event) -> None:
    """Add an event in its place by time. A list that a request may be reading grows at its end or is replaced."""
    history = into[key]
    if history and history[-1][0] > event[0]:
        into[key] = sorted([*history, event], key=lambda each: each[0])
    else:
        history.append(event)


def _join(histories: dict[str, list[Event]], session: str, user: str) -> None:
    if session in histories:
        joined = histories[user] + histories.pop(session)
        histories[user] = sorted(joined, key=lambda each: each[0])
