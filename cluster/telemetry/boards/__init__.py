"""What Grafana shows; the words on it are for Korean operators."""
