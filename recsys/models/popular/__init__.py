"""What is popular, and what is becoming so."""
