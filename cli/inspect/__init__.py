"""`sluice inspect`: says what is in a file, and what would become of it."""
