"""The full text index of chunks, which no database has in the same form. Part of the newest schema, as triggers.py is.

`terms` are what a text is searched by, cut by knowledge/: words, and one and two characters of Chinese, Japanese
and Korean. On SQLite a row's id is its chunk's, and a trigger deletes it with the chunk. The index has
all positions (`detail = full`) although only their number is used: without them, ranking reads and cuts the text of each
chunk that matches again, which takes five times as long.
"""

from __future__ import annotations

from typing import Final

FULL_TEXT: Final[dict[str, tuple[str, ...]]] = {
    "sqlite": (
        ("CREATE VIRTUAL TABLE chunk_text USING fts5(scope, terms, tokenize = 'unicode61 remove_diacritics 2')"),
        (
            "CREATE TRIGGER chunks_delete_text AFTER DELETE ON chunks"
            " BEGIN DELETE FROM chunk_text WHERE rowid = old.id; END"
        ),
    ),
    "postgresql": (
        (
            "CREATE TABLE chunk_text (chunk_id BIGINT NOT NULL, terms TSVECTOR NOT NULL,"
            " CONSTRAINT pk_chunk_text PRIMARY KEY (chunk_id),"
            " CONSTRAINT fk_chunk_text_chunk_id FOREIGN KEY (chunk_id) REFERENCES chunks (id) ON DELETE CASCADE)"
        ),
        "CREATE INDEX ix_chunk_text_terms ON chunk_text USING gin (terms)",
        # How common a word is decides whether chunks are gathered by it: the planner shall know it of 5,000 words, not 1,000.
        "ALTER TABLE chunk_text ALTER COLUMN terms SET STATISTICS 500",
    ),
}
