"""What the runners that speak gRPC share: connections, several addresses as one, errors. No runner."""
