"""The door for programs that speak OpenAI's API: the same engine, runners and log as every other door."""
