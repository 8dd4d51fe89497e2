"""Clicks: into the stream, into the profile, into the next answer; and the replay that shows what they are worth."""

from recsys.stream.events import await_events, event, profile, send, tracker
from recsys.stream.replay import TOP, Replay, choose, click_through, familiar, replay

__all__ = [
    "TOP",
    "Replay",
    "await_events",
    "choose",
    "click_through",
    "event",
    "familiar",
    "profile",
    "replay",
    "send",
    "tracker",
]
