"""The schema and its history (SQLAlchemy Core metadata and Alembic). Never imported by a running server."""
