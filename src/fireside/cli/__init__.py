"""The command line. Only cli/ imports inside functions: each command loads what it needs, so that all start fast."""
