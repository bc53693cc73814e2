"""`sluice doctor`: what is missing on this machine, and the line that mends it."""
