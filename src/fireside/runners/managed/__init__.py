"""A runner with what keeps it well: queue, timeouts, breaker, health. No backend."""
