"""An installation on a cluster that others started: what Serve is told, and the controller beside it."""
