"""When the cluster learns by itself. Decisions only, no I/O."""
