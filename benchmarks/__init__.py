"""Measurements: functions in `micro`, systems in `load`."""
