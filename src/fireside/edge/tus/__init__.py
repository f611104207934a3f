"""The paths below /files/ for clients of tus 1.0."""
