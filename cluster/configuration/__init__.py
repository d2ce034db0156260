"""What the settings are, where they come from, whether they fit this machine, and what they will need."""
