"""Simulations: what a policy would keep, without serving anything."""
