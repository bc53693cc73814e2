"""What developers run: the gate and the lock files."""
