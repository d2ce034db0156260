"""What Prometheus computes and whom it calls."""
