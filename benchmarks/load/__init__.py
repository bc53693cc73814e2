"""The load harness: servers side by side under the same requests."""
