"""House rules on the documentation: links, commands, decisions, dependencies. Each returns what is wrong, as sentences."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
MAKE_TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)(.*)$", re.MULTILINE)
MAKE_CALL = re.compile(r"\bmake ([a-z][a-z-]*)\b(?=[^.]?[`\s])")
ADR_SECTIONS = ("## Context", "## Decision", "## Consequences")
ADR_STATUS = re.compile(
    r"^- Status: (proposed|accepted|superseded by \[\d{4}\]\(\d{4}-[a-z0-9-]+\.md\))$", re.MULTILINE
)
ADR_DATE = re.compile(r"^- Date: \d{4}-\d{2}-\d{2}$", re.MULTILINE)
REQUIREMENT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")
ROW = re.compile(r"^\| `([^`]+)` \|(.+)\|\s*$", re.MULTILINE)


def broken_links(page: Path, root: Path) -> Iterator[str]:
    """Relative links must lead to a file of the project, and anchors to a heading of the page that they name."""
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.is_relative_to(root.resolve()) or not path.exists():
            yield f"{page.relative_to(root)} links to {target}, which does not exist"
        elif anchor and path.suffix == ".md" and anchor not in anchors(path.read_text(encoding="utf-8")):
            yield f"{page.relative_to(root)} links to {target}, which has no such heading"


def anchors(markdown: str) -> set[str]:
    """The anchors that a forge makes of the headings."""
    headings = re.findall(r"^#{1,6} (.+)$", FENCE.sub("", markdown), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def make_targets(makefile: str) -> dict[str, str]:
    """The targets of a Makefile and their help (empty when there is none)."""
    found = ((name, rest) for name, rest in MAKE_TARGET.findall(makefile))
    return {name: rest.partition("## ")[2].strip() for name, rest in found}


def unknown_make_calls(markdown: str, targets: set[str]) -> list[str]:
    """The targets that a page tells people to make and that are not there. Only code is looked at, not prose."""
    code = "\n".join([*(match.group(0) for match in FENCE.finditer(markdown)), *re.findall(r"`[^`\n]+`", markdown)])
    return sorted(set(MAKE_CALL.findall(code)) - targets)


def adr_faults(name: str, text: str) -> Iterator[str]:
    """A decision has a number, a title, a status, a date, and says the context, the decision and what follows."""
    number = name[:4]
    if not re.match(r"\d{4}-[a-z0-9-]+\.md$", name):
        yield f"{name}: name it 0001-what-was-decided.md"
    if not text.startswith(f"# {number}. "):
        yield f"{name}: the title is not `# {number}. ...`"
    if not ADR_STATUS.search(text):
        yield f"{name}: no `- Status: accepted` (or proposed, or superseded by a link)"
    if not ADR_DATE.search(text):
        yield f"{name}: no `- Date: 2026-01-31`"
    for section in ADR_SECTIONS:
        if not re.search(rf"^{section}\n+[^#\s]", text, re.MULTILINE):
            yield f"{name}: nothing under `{section}`"


def direct_dependencies(pyproject: str) -> dict[str, list[str]]:
    """The names of the direct dependencies in pyproject.toml: `core`, each extra, and each group."""
    data = tomllib.loads(pyproject)
    project = data["project"]
    sets = {"core": project["dependencies"]} | project.get("optional-dependencies", {}) | data["dependency-groups"]
    return {name: [_requirement(line) for line in lines] for name, lines in sets.items()}


def _requirement(line: str) -> str:
    match = REQUIREMENT.match(line)
    return match.group(0).lower() if match else line


def dependency_faults(page: str, wanted: set[str]) -> Iterator[str]:
    """docs/dependencies.md has one row for each direct dependency: reason, licence, last release. And no other."""
    rows = {name: [cell.strip() for cell in cells.split("|")] for name, cells in ROW.findall(page)}
    for name in sorted(wanted - rows.keys()):
        yield f"{name} is a direct dependency and has no row in docs/dependencies.md"
    for name in sorted(rows.keys() - wanted):
        yield f"{name} has a row in docs/dependencies.md and is no direct dependency"
    for name in sorted(rows.keys() & wanted):
        cells = rows[name]
        if len(cells) != 3 or len(cells[0].split()) < 4 or not cells[1]:
            yield f"{name}: the row needs a reason, a licence and a last release"
        elif not re.search(r"\b20\d\d-\d\d\b", cells[2]):
            yield f"{name}: the last release has no month such as 2026-01"
