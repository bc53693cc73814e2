"""What an edge does while others mean it harm, and after a million requests of every kind."""
