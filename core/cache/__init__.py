"""Cache decisions: what is kept, what makes room, who fetches and who waits."""
