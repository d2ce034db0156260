"""The job controller: what waits, what runs, what is done again and what never. Decisions and their store; no Ray."""
