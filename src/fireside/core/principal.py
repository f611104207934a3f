"""Who is asking. Not how they proved it: that is the edge's and, with accounts, identity's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """The account in whose name a call is made; every stored row belongs to one.

    `id` is the account's id. The single-user server has exactly one account, `LOCAL`.
    """

    id: str


LOCAL = Principal(id="local")
