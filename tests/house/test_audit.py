"""The table of audit actions in docs/accounts.md is what the code records."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
AREAS = "setup|session|account|password|second_factor|key|invitation|group|policy|share|audit|limit"
RECORDED = re.compile(rf'"((?:{AREAS})\.[a-z_]+)"')
DOCUMENTED = re.compile(rf"`((?:{AREAS})\.[a-z_]+)`")
# What looks like an action and is a field of a request, or a file.
OTHERS = {"policy.domains", "policy.default_role", "policy.limits", "account.json"}


def test_every_action_that_is_recorded_is_documented_and_the_other_way_round() -> None:
    folders = (ROOT / "src/fireside" / name for name in ("identity", "chat", "edge"))
    texts = [path.read_text("utf-8") for folder in folders for path in folder.rglob("*.py")]
    recorded = {action for text in texts for action in RECORDED.findall(text)} - OTHERS
    page = (ROOT / "docs/accounts.md").read_text("utf-8")
    table = page.partition("| action | is recorded when | details |")[2].partition("\n\n")[0]
    assert set(DOCUMENTED.findall(table)) == recorded
