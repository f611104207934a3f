"""What the runners that speak HTTP share: a lean client and its troubles as errors. No runner."""
