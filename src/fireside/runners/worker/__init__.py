"""The runner for `fireside worker` processes, and fireside.worker.v1 as the seam sees it."""
