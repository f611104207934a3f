"""The runner for models on this machine: llama.cpp in a child process, and its weights."""
