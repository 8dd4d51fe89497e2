"""The wire of the three services."""
