"""Codecs that are carried as they are: decoder configurations, sample entries, RFC 6381 names."""
