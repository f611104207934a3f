"""Models: the seam (base), what is on offer (catalog), and one folder per backend."""
