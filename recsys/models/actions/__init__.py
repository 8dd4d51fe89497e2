"""Which action a user will take next."""
