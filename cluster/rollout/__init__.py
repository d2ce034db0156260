"""Experiments on what serves: who gets which arm, when more of them do, and what the log says. Decisions only, no I/O."""
