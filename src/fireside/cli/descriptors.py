"""Raises this process's limit of open files to what the system allows. Shells start programs with 1,024, from long ago.

Over HTTP/1.1 each reader is a connection, and each connection a file descriptor; so is each answer's way to a model server.
"""

from __future__ import annotations

import contextlib


def allow_many_connections() -> None:
    """Does nothing where the system has no such limit, or keeps it. Child processes inherit it."""
    try:
        import resource
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
