"""A tree of HTML as blocks: headings, paragraphs, lists, tables, code and quotes. Not which part of a page is its text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fireside.knowledge.extract.base import Block, Kind
from fireside.knowledge.extract.clean import clean, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NEVER = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "iframe",
        "object",
        "embed",
        "svg",
        "canvas",
        "audio",
        "video",
        "map",
        "button",
        "select",
        "textarea",
        "input",
        "datalist",
        "head",
        "title",
        "meta",
        "link",
        "base",
        "dialog",
    ]
)
_MENUS = frozenset(["nav", "footer", "aside", "menu", "form", "search"])
_MENU_ROLES = frozenset(
    ["navigation", "banner", "contentinfo", "search", "complementary", "menu", "menubar", "toolbar"]
)
_MENU_NAMES = re.compile(
    r"(?:^|[\s_-])(?:nav(?:bar|igation)?|menu|sidebar|breadcrumbs?|footer|cookies?|consent|advert(?:isement)?|ads?|social|share|sharing"
    r"|related|pagination|pager|toolbar|skip-?link|headerlink|toc|newsletter|comments?)(?:$|[\s_-])",
    re.IGNORECASE,
)
_NEVER_TEXT = re.compile(r"(?:^|[\s_-])(?:cookies?|consent|gdpr|advert(?:isement)?|ads)(?:$|[\s_-])", re.IGNORECASE)
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hgroup",
        "hr",
        "legend",
        "li",
        "main",
        "menu",
        "nav",
        "ol",
        "p",
        "pre",
        "search",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SPACE = re.compile(r"\s+")
_MOST_LINKS = 0.5


def text_length(blocks: Sequence[Block]) -> int:
    """Characters of text in blocks."""
    return sum(len(block.text) for block in blocks)


def blocks_of(root: Any, *, drop_menus: bool) -> list[Block]:
    """The blocks below an element. `drop_menus` leaves out what leads elsewhere, as far as it is marked as such."""
    writer = _Writer(drop_menus=drop_menus)
    # A stack instead of recursion: a page may nest deeper than Python does.
    stack: list[tuple[Any, bool]] = [(root, True)]
    while stack:
        element, opening = stack.pop()
        if not opening:
            writer.close(element)
            continue
        stack.append((element, False))
        if writer.open(element):
            stack.extend((child, True) for child in reversed(element))
    writer.flush()
    return writer.blocks


@dataclass(slots=True)
class _Writer:
    """The blocks so far, and the text of the one that is being read."""

    drop_menus: bool
    blocks: list[Block] = field(default_factory=list[Block])
    parts: list[str] = field(default_factory=list[str])
    lists: list[int] = field(default_factory=list[int])
    quotes: int = 0
    heading: int = 0
    marker: str = ""

    def open(self, element: Any) -> bool:
        """Begins an element; false when its children are not to be looked at."""
        tag = element.tag
        if not isinstance(tag, str) or tag in _NEVER or _is_hidden(element) or (self.drop_menus and _is_menu(element)):
            return False
        if tag in _BLOCKS:
            self.flush()
        if tag == "pre":
            self._add(Block(Kind.CODE, clean(_text(element, lines=True)).strip("\n")))
            return False
        if tag == "table" and (rows := _rows(element)) is not None:
            self._table(element, rows)
            return False
        if tag in {"ol", "ul", "menu", "dl"}:
            self.lists.append(0 if tag == "ol" else -1)
        elif tag == "li":
            self._item()
        elif tag == "blockquote":
            self.quotes += 1
        elif tag in _HEADINGS:
            self.heading = _HEADINGS[tag]
        elif tag == "br":
            self.parts.append("\n")
        elif tag == "img":
            self.parts.append(f" {element.get('alt', '')} ")
        self.parts.append(_SPACE.sub(" ", element.text or ""))
        return True

    def close(self, element: Any) -> None:
        """Ends an element, also one whose children were left out, and goes on with the text after it."""
        tag = element.tag
        if tag in _BLOCKS:
            self.flush()
        if tag in {"ol", "ul", "menu", "dl"} and self.lists and not self._left_out(element):
            self.lists.pop()
        elif tag == "blockquote" and not self._left_out(element):
            self.quotes = max(self.quotes - 1, 0)
        elif tag in _HEADINGS:
            self.heading = 0
        if element.tail:
            self.parts.append(_SPACE.sub(" ", element.tail))

    def flush(self) -> None:
        """The block that is being read is whole."""
        lines = [one_line(line) for line in "".join(self.parts).split("\n")]
        self.parts = []
        text = "\n".join(line for line in lines if line)
        if not text:
            return
        if self.heading:
            self.blocks.append(Block(Kind.HEADING, one_line(text), level=self.heading))
        elif self.marker:
            self.blocks.append(Block(Kind.LIST, f"{self.marker} {text}", level=max(len(self.lists), 1)))
            self.marker = ""
        else:
            self.blocks.append(Block(Kind.QUOTE if self.quotes else Kind.PARAGRAPH, text))

    def _left_out(self, element: Any) -> bool:
        return _is_hidden(element) or (self.drop_menus and _is_menu(element))

    def _item(self) -> None:
        self.marker = "-"
        if self.lists and self.lists[-1] >= 0:
            self.lists[-1] += 1
            self.marker = f"{self.lists[-1]}."

    def _table(self, element: Any, rows: list[list[str]]) -> None:
        caption = element.find("caption")
        if caption is not None and (text := one_line(_text(caption))):
            self._add(Block(Kind.PARAGRAPH, text))
        text = "\n".join(" | ".join(row) for row in rows if any(row))
        headed = next(element.iter("th"), None) is not None
        self._add(Block(Kind.TABLE, text, level=1 if headed and len(rows) > 1 else 0))

    def _add(self, block: Block) -> None:
        if block.text.strip():
            self.blocks.append(block)


def _rows(table: Any) -> list[list[str]] | None:
    """The cells of a table that holds data; None for one that lays out a page."""
    if next(table.iterdescendants("table"), None) is not None:
        return None
    rows: list[list[str]] = []
    widest = longest = 0
    for row in table.iter("tr"):
        cells = [one_line(_text(cell)) for cell in row.iter("td", "th")]
        rows.append(cells)
        widest = max(widest, len(cells))
        longest = max(longest, *(len(cell) for cell in cells), 0)
    return rows if widest > 1 and longest < 2_000 else None


def _text(element: Any, *, lines: bool = False) -> str:
    """All text in an element, scripts aside."""
    return "".join(_texts(element, lines=lines))


def _texts(element: Any, *, lines: bool) -> Iterator[str]:
    for event, node in _events(element):
        if event == "open":
            if node.tag == "br":
                yield "\n"
            elif not lines and node.tag in _BLOCKS:
                yield " "
            if node.text:
                yield node.text
        elif node is not element and node.tail:
            yield node.tail


def _events(element: Any) -> Iterator[tuple[str, Any]]:
    stack: list[tuple[Any, bool]] = [(element, True)]
    while stack:
        node, opening = stack.pop()
        if not opening:
            yield "close", node
            continue
        stack.append((node, False))
        if isinstance(node.tag, str) and node.tag not in _NEVER:
            yield "open", node
            stack.extend((child, True) for child in reversed(node))


def _is_hidden(element: Any) -> bool:
    return (
        element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
        or "display:none" in (element.get("style") or "").replace(" ", "").lower()
    )


def _is_menu(element: Any) -> bool:
    tag = element.tag
    if tag in _MENUS or element.get("role") in _MENU_ROLES:
        return True
    if tag == "header" and not any(parent.tag in {"main", "article"} for parent in element.iterancestors()):
        # A page's banner, unless its title stands in it.
        return next(element.iter("h1"), None) is None
    if tag == "a" and "headerlink" in (element.get("class") or ""):
        return True
    names = f"{element.get('class') or ''} {element.get('id') or ''}"
    if tag in {"div", "section"} and _NEVER_TEXT.search(names):
        return True
    return (
        tag in {"div", "ul", "ol", "section", "p", "span"}
        and bool(_MENU_NAMES.search(names))
        and _link_share(element) > _MOST_LINKS
    )


def _link_share(element: Any) -> float:
    """How much of the text is in links."""
    whole = len(one_line(_text(element)))
    links = sum(len(one_line(_text(link))) for link in element.iter("a"))
    return links / whole if whole else 1.0
