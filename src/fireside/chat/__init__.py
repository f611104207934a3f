"""Conversations and generations: one log per answer, one writer, many tails. No transport and no SQL here."""
