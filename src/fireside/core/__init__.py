"""Pure values that every other package may use: ids, errors, principals, the clock. Standard library only."""
