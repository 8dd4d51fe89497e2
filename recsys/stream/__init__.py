"""Clicks: into the stream, into the profile, into the next answer; and the replay that shows what they are worth."""
