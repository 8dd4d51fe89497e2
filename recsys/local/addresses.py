"""Paths the embedded AWS answers at beside AWS's own."""

HEALTH = "/_recsys/health"
CALLS = "/_recsys/calls"
CLOCK = "/_recsys/clock"
