"""What is watched, and when somebody is told. Decisions only; `source` asks the event log, `part` puts both together."""
