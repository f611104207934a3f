"""What tables of the newest schema are made of: the metadata that knows all of them, and columns that many have."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, Text

# Ids compare byte by byte on every database, whatever its locale.
ID = Text().with_variant(Text(collation="C"), "postgresql")
# SQLite counts by itself only in a column that is exactly INTEGER PRIMARY KEY.
COUNTER = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def refers(name: str, to: str, *, nullable: bool = False, index: bool = False) -> Column[str]:
    """A column with the id of a row of `to`, with which the row here goes."""
    return Column(name, ID, ForeignKey(f"{to}.id", ondelete="CASCADE"), nullable=nullable, index=index or None)


def owner(*, primary_key: bool = False, index: bool = False) -> Column[str]:
    """The account that a row belongs to."""
    return Column(
        "owner", ID, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=primary_key, nullable=False,
        index=index or None,
    )  # fmt: skip
