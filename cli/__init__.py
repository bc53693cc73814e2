"""The `sluice` command: composes processes and imports the services only to start them."""
