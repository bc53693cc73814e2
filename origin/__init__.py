"""Packaging, jobs, the stored layout, and delivery of segments and manifests to edges."""
