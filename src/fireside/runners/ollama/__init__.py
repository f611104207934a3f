"""The runner for Ollama, and Ollama's own protocol."""
