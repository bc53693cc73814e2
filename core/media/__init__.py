"""The vocabulary of media: ticks, timelines, track descriptions and presentations."""
