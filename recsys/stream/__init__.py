"""Clicks: into the stream, into the profile, into the next answer; and the replay that shows what they are worth."""

from recsys.stream.events import await_events, event, profile, send, tracker
from recsys.stream.held_back import Parts, choose, divide, known_to_training
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
    "known_to_training",
    "profile",
    "replay",
    "send",
    "tracker",
]
