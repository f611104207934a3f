"""Models: the seam (base), what is on offer (catalog), and one file per backend."""
