"""The packager beside shaka-packager and ffmpeg, on the same film."""
