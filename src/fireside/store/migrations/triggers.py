"""What the newest schema has besides tables and indexes: triggers that keep the audit log from being changed.

They hold against defects and careless statements. Whoever owns the database can drop them.
"""

from __future__ import annotations

from typing import Final

TRIGGERS: Final[dict[str, tuple[str, ...]]] = {
    "sqlite": (
        (
            "CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events"
            " BEGIN SELECT RAISE(ABORT, 'The audit log is only appended to.'); END"
        ),
        (
            "CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events"
            " BEGIN SELECT RAISE(ABORT, 'The audit log is only appended to.'); END"
        ),
    ),
    "postgresql": (
        (
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'The audit log is only appended to.'; END $$"
        ),
        (
            "CREATE TRIGGER audit_events_no_change BEFORE UPDATE OR DELETE ON audit_events"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        ),
        (
            "CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        ),
    ),
}
