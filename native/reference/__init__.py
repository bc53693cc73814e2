"""The clear Python twin of every pure compiled function: the oracle and the readable definition."""
