"""The closed-form linear next-item model: what is counted, solved, added and chosen."""
