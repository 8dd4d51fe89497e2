"""What is put one by one: events, items, users, actions."""
