"""The runner for the Open Inference Protocol as Triton serves it."""
