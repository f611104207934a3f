"""Accounts: who may sign in, how, and what they may do."""
