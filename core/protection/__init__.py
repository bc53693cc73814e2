"""Protection of media: schemes, content keys, their wrapping, licences."""
