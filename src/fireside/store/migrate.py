"""`python -m fireside.store.migrate URL`: upgrades a database to the newest schema. `-` reads the URL from standard input."""

from __future__ import annotations

import sys

from fireside.store.migrations.upgrading import upgrade

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m fireside.store.migrate URL|-")
    upgrade(sys.stdin.read().strip() if sys.argv[1] == "-" else sys.argv[1])
