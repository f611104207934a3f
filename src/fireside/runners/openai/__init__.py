"""The runner for servers that speak OpenAI's chat protocol, and that protocol, which others carry too."""
