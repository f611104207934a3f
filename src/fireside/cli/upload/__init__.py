"""`fireside upload`: files and folders into a collection of a running server."""
