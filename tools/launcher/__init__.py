"""What `./sluice` does before Sluice runs; standard library only: nothing is installed yet."""
