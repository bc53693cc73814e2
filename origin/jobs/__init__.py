"""The steps of a video's preparation, carried out by workers in child processes."""
