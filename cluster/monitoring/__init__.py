"""What is watched: windows of the event log, degradation, drift, alerts. Decisions only, but for the sinks of alerts."""
