"""Clicks: into the stream, into the profile, into the next answer; and the replay that shows what they are worth."""

from recsys.stream.events import await_events, event, profile, send, tracker
from recsys.stream.held_back import Parts, choose, divide, familiar, shortage
from recsys.stream.replay import TOP, Replay, click_through, replay

__all__ = [
    "TOP",
    "Parts",
    "Replay",
    "await_events",
    "choose",
    "click_through",
    "divide",
    "event",
    "familiar",
    "profile",
    "replay",
    "send",
    "shortage",
    "tracker",
]
