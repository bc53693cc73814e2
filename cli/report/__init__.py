"""What the command tells its user: events, and the ways to show them."""
