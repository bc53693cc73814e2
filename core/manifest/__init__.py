"""What players are told: HLS playlists and the DASH MPD of one presentation."""
