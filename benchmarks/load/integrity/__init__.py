"""Whether what an edge serves is what its upstream sent: random, long, and with a seed."""
