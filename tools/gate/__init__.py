"""`./sluice test` and `./sluice bench`: what every change passes, here and in CI."""
