"""The packager by itself: films in, a folder out that any web server can serve."""
