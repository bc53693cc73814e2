"""What every process shares and no decision lives in: loop, pools, settings, logs, storage."""
