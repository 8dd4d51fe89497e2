"""API Gateway -> recommendations with titles, similar items, and the way in for events."""
