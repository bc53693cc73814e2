"""Delivery of published builds to edges: manifests, init segments, media segments and posters."""
