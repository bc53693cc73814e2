"""HTTP decisions: ranges, preconditions, freshness, keys; each file is named for its RFC notion."""
