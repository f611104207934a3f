"""The runner for SGLang's gRPC server."""
