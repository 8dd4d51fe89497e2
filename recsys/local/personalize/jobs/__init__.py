"""What takes time, in a worker process."""
