"""`fireside bench`: loads a running server and measures it. A client like any other; nothing here is part of the server."""
