"""The API gateway, the catalogue, playback, history and the web pages."""
