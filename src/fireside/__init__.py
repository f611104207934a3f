"""Fireside: a self-hosted AI chat server in which every hop speaks Protobuf over gRPC."""

__version__ = "0.1.0"
