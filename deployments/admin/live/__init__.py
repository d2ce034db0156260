"""What an operator sees live: figures of all replicas, deployments, experiments, jobs, models, alerts."""
