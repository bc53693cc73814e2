"""What is read of Matroska files beside FFmpeg."""
