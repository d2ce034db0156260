"""What the system says of itself to Prometheus, to a trace collector and in its logs. No Ray."""
