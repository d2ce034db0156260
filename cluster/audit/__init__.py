"""Who did what over HTTP, durable before it is acknowledged."""
