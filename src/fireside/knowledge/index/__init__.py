"""The seam to whatever finds the nearest vectors."""
