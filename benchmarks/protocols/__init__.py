"""Each task by a protocol of its own: similar items, popular and trending ones, rankings, segments of users."""
