"""The cache node: fill, ranges, conditionals and what to do when the upstream fails."""
