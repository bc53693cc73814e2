"""`sluice package`: films to a folder of HLS and DASH."""
