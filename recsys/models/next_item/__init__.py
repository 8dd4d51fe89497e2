"""The linear next-item model: what is counted, solved, learned, added and chosen."""
