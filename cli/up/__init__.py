"""`sluice up`: every process on one machine, under a supervisor."""
