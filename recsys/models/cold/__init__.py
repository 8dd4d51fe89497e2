"""What metadata say where there are no events: of cold items and of new users."""
