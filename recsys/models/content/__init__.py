"""What metadata and texts say about items."""
