"""Work in the background: a durable queue on the store, and the processes that take from it."""
