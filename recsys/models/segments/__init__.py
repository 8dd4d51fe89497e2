"""Which users want an item."""
