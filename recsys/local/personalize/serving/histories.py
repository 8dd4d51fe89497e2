"""What each user did, oldest first: the bulk interactions and the events since, in the codes of a catalogue."""

from collections.abc import Mapping

import numpy as np

from recsys.local.personalize.events.live import Event
from recsys.local.personalize.filters import by_type
from recsys.local.personalize.selection import Selection
from recsys.local.personalize.serving.group import Interactions

LATEST = 100  # interactions a filter considers, per user and event type; AWS's quota


class Histories:
    """Interactions in the codes of a catalogue, whose `code_of` may grow.

    A model scores from the interactions its solution learns from, with items it knows; a filter looks at all of them,
    of every type. kept: (n_bulk,) which bulk interactions the model scores from; codes: of those.
    """

    def __init__(
        self,
        bulk: Interactions,
        put: Mapping[str, list[Event]],
        code_of: Mapping[str, int],
        known: int,
        selection: Selection,
        heard: Mapping[str, float] | None = None,
        latest: int = LATEST,
    ) -> None:
        """put: the events since, by user; heard: when the newest came in. known: the model's items are below it.

        latest: interactions a filter considers, per user and event type.
        """
        self._bulk, self._put, self._code_of, self._known, self._selection = bulk, put, code_of, known, selection
        self._heard, self._latest = {} if heard is None else heard, latest
        self._codes = np.array([code_of.get(item, -1) for item in bulk.item_ids], np.int32)  # of each bulk item
        codes = self._codes[bulk.items] if len(self._codes) else np.empty(0, np.int32)
        self.kept = (codes >= 0) & (codes < known) & selection.mask(bulk.type_names, bulk.types, bulk.values)
        counts = np.r_[0, np.cumsum(self.kept)]
        self._offsets, self.codes, self._times = counts[bulk.offsets], codes[self.kept], bulk.times[self.kept]

    def of(self, user: str) -> np.ndarray:
        """(n,) codes of what the model scores from."""
        number = self._bulk.users.get(user)
        span = slice(0, 0) if number is None else slice(self._offsets[number], self._offsets[number + 1])
        chosen = [
            (sent, self._code_of[item])
            for sent, item, kind, value in self._put.get(user, ())
            if self._code_of.get(item, self._known) < self._known and self._selection.one(kind, value)
        ]
        if not chosen:
            return self.codes[span]
        sent, codes = zip(*chosen, strict=True)
        if span.stop == span.start or self._times[span.stop - 1] <= sent[0]:
            return np.concatenate([self.codes[span], np.array(codes, np.int32)])
        order = np.argsort(np.concatenate([self._times[span], sent]), kind="stable")
        return np.concatenate([self.codes[span], np.array(codes, np.int32)])[order]

    def since(self, moment: float) -> tuple[np.ndarray, np.ndarray]:
        """Codes and times (n,) of what the solution learns from among the bulk interactions after `moment`."""
        bulk = self._bulk
        newer = (bulk.times > moment) & self._selection.mask(bulk.type_names, bulk.types, bulk.values)
        codes = self._codes[bulk.items[newer]]
        return codes[codes >= 0], bulk.times[newer][codes >= 0]

    def last_seen(self, user: str) -> float:
        """When something of the user's last happened or came in, epoch seconds; 0 of one nothing is known of.

        Events of another time that are played again come in now, and are a visit now.
        """
        happened = [sent for sent, *_ in self._put.get(user, ())[-1:]]
        return max(0.0, self._heard.get(user, 0.0), *happened, *self._bulk.times[self._bulk.slice(user)][-1:].tolist())

    def by_type(self, user: str) -> dict[str, np.ndarray]:
        """Event type in lower case -> codes of the items among the user's latest interactions of that type."""
        bulk, events = self._bulk, list(self._put.get(user, ()))  # it may grow meanwhile
        span = bulk.slice(user)
        codes = self._codes[bulk.items[span]]
        if not events:
            return by_type(codes, bulk.types[span], bulk.type_names, self._latest)
        times = np.r_[bulk.times[span], [sent for sent, *_ in events]]
        codes = np.r_[codes, [self._code_of.get(item, -1) for _, item, *_ in events]]
        types = np.r_[bulk.types[span], len(bulk.type_names) + np.arange(len(events))]
        order = np.argsort(times, kind="stable")
        names = [*bulk.type_names, *(kind for _, _, kind, _ in events)]
        return by_type(codes[order], types[order], names, self._latest)
