"""Makes the sample documents beside it, each in English and Chinese, with programs of other people where there are any.

Run `PYTHONPATH=. python tests/data/extract/make.py`; `--expected` writes what is read from them too, to be looked at
before it is committed. The two pictures were drawn once, with a font that not every machine has, and are kept.
"""

# ruff: noqa: RUF001 - Chinese has marks of its own.

from __future__ import annotations

import asyncio
import sys
import zipfile
from contextlib import aclosing
from datetime import UTC, date, datetime
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
import pptx
from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from fireside.knowledge.extract.sandbox import extract
from tests.pdf_file import COURIER, SONG, Page, pdf

HERE = Path(__file__).resolve().parent
WHEN = (2026, 1, 2, 3, 4, 6)
# Office files have times of no zone.
CREATED = datetime(*WHEN)  # noqa: DTZ001


def make_pdf() -> bytes:
    running = "Fireside guide"
    pages = [
        Page()
        .text(72, 800, running, 9)
        .text(72, 740, "1 Lighting a fire", 20)
        .lines(
            700,
            [
                "Dry wood burns best. Split the logs in au-",
                "tumn and keep them under a roof until the win-",
                "ter comes.",
            ],
        )
        .lines(640, ["Never leave a fire alone, and keep a bucket of"])
        .text(500, 30, "1", 9),
        Page()
        .text(72, 800, running, 9)
        .lines(760, ["water beside it."])
        .text(72, 720, "1.1 Tools", 14)
        .text(72, 690, "• An axe with a long handle.")
        .text(72, 674, "• Two buckets.")
        .lines(630, ["$ light --with match", "burning"], 10, COURIER)
        .text(500, 30, "2", 9),
        Page()
        .text(72, 800, running, 9)
        .text(72, 740, "2 生火", 20, SONG)
        .lines(700, ["干燥的木头最好烧。秋天把木头劈开，放在屋", "檐下，一直放到冬天。"], 11, SONG)
        .text(500, 30, "3", 9),
        Page().text(72, 800, running, 9).lines(760, ["千万不要离开火堆。"], 11, SONG).text(500, 30, "4", 9),
    ]
    return pdf(pages, [(0, "Lighting a fire", 0), (1, "Tools", 1), (0, "生火", 2)])


def make_docx(path: Path) -> None:
    document = docx.Document()
    document.add_heading("Fireside guide", 0)
    document.add_heading("Lighting a fire", 1)
    paragraph = document.add_paragraph("Dry wood burns ")
    run = paragraph.add_run("best").element
    inserted = OxmlElement("w:ins")
    run.addprevious(inserted)
    inserted.append(run)
    deleted = OxmlElement("w:del")
    gone = OxmlElement("w:r")
    gone_text = OxmlElement("w:delText")
    gone_text.text = " not at all"
    gone.append(gone_text)
    deleted.append(gone)
    paragraph.add_run(".")
    inserted.addnext(deleted)
    document.add_paragraph("An axe with a long handle.", style="List Bullet")
    document.add_paragraph("Two buckets.", style="List Bullet")
    document.add_heading("生火", 1)
    document.add_paragraph("干燥的木头最好烧。千万不要离开火堆。")
    table = document.add_table(rows=3, cols=2)
    for row, cells in zip(table.rows, (("Wood", "Heat"), ("Oak", "high"), ("松木", "中等")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.add_paragraph("Keep it dry, said the old man.", style="Intense Quote")
    held = OxmlElement("w:sdt")
    content = OxmlElement("w:sdtContent")
    held.append(content)
    last = document.add_paragraph("What stands in a form's field is text too.")
    last.paragraph_format.keep_together = True
    last._p.addprevious(held)
    content.append(last._p)
    assert held.find(qn("w:sdtContent")) is not None
    document.core_properties.created = document.core_properties.modified = CREATED
    document.save(str(path))


def make_pptx(path: Path) -> None:
    deck = pptx.Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[1])
    first.shapes.title.text = "Lighting a fire"
    body = first.placeholders[1].text_frame
    body.text = "Dry wood burns best."
    deeper = body.add_paragraph()
    deeper.text, deeper.level = "Oak above all.", 1
    first.notes_slide.notes_text_frame.text = "Show the axe here."
    second = deck.slides.add_slide(deck.slide_layouts[5])
    second.shapes.title.text = "生火"
    table = second.shapes.add_table(2, 2, 0, 2_000_000, 4_000_000, 1_000_000).table
    for row, cells in enumerate((("木头", "热量"), ("橡木", "高"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    group = second.shapes.add_group_shape()
    group.shapes.add_textbox(0, 4_000_000, 4_000_000, 500_000).text_frame.text = "千万不要离开火堆。"
    deck.core_properties.created = deck.core_properties.modified = CREATED
    deck.save(str(path))


def make_xlsx(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Wood"
    sheet.append(["Stock of the winter"])
    sheet.append(["Kind", "Bought", "Cords", "Dry", "Price"])
    sheet.append(["Oak", date(2026, 3, 1), 2.5, 0.85, 120])
    sheet.append(["Pine", CREATED, 1, 0.5, True])
    sheet["D3"].number_format = sheet["D4"].number_format = "0%"
    other = book.create_sheet("木头")
    other.append(["种类", "数量"])
    other.append(["松木", 3])
    book.properties.created = book.properties.modified = CREATED
    book.save(path)


def make_epub(path: Path) -> None:
    chapter = (
        '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml">'
        "<head><title>x</title></head><body>{}</body></html>"
    )
    parts = {
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
        '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        "OEBPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Fireside guide</dc:title></metadata><manifest>'
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        '<item id="b" href="text/two%20b.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="a" href="text/one.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="nav"/><itemref idref="a"/><itemref idref="b"/></spine></package>',
        "OEBPS/nav.xhtml": chapter.format(
            '<nav><ol><li><a href="text/one.xhtml">Lighting a fire</a></li><li><a href="text/two%20b.xhtml">生火</a></li></ol></nav>'
        ),
        "OEBPS/text/one.xhtml": chapter.format("<h1>Lighting a fire</h1><p>Dry wood burns <em>best</em>.</p>"),
        "OEBPS/text/two b.xhtml": chapter.format("<p>干燥的木头最好烧。</p><ol><li>劈开。</li><li>放干。</li></ol>"),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("mimetype", WHEN), "application/epub+zip")
        for name, text in parts.items():
            archive.writestr(zipfile.ZipInfo(name, WHEN), text.encode())


def make_mail() -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Ann <ann@example.org>"
    mail["To"] = "张三 <zhang@example.org>"
    mail["Subject"] = "Wood for the winter 木头"
    mail["Date"] = datetime(*WHEN, tzinfo=UTC)
    mail.set_content("Dry wood burns best.\n\n> 干燥的木头最好烧。\n\nAnn\n")
    mail.add_alternative("<p>Dry wood burns <b>best</b>.</p>", subtype="html")
    mail.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="木头.pdf")
    mail.set_boundary("outer")
    for number, part in enumerate(part for part in mail.walk() if part.is_multipart() and part is not mail):
        part.set_boundary(f"inner{number}")
    return mail


PLAIN = """Lighting a fire

Dry wood burns best. Split the logs in autumn and keep them under a
roof until the winter comes.

- An axe with a long handle.
- Two buckets.

干燥的木头最好烧。秋天把木头劈开，放在屋檐下，一直放到冬天。
"""
MARKDOWN = """---
title: "Fireside guide"
tags: [wood]
---

# Lighting a *fire*

Dry wood burns **best**, see [the table](#wood). Never
leave a fire alone: `rm -rf *` is `safe` beside it.

* An axe
  with a long handle.
    1. sharp
* Two buckets.

> Keep it dry,
> said the old man.

```sh
# not a heading
light --with match
```

生火
----

干燥的木头最好烧。
千万不要离开火堆。

| Wood | Heat |
|------|:----:|
| Oak \\| elm | high |
| 松木 | 中等 |
"""
HTML = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>Fireside guide</title><script>no()</script></head><body>
<header class="site"><a href="/">Home</a></header><nav><ul><li><a href="/a">Menu</a></li></ul></nav>
<main><h1>Lighting a fire</h1><p>Dry wood burns <b>best</b>. Split the logs in autumn<br>and keep them under a roof.</p>
<ul><li>An axe<ol><li>sharp</li></ol></li><li>Two buckets.</li></ul><pre><code>$ light --with match
  burning</code></pre><blockquote><p>Keep it dry.</p></blockquote><h2>生火</h2><p>干燥的木头最好烧。</p>
<table><caption>Kinds</caption><tr><th>Wood</th><th>Heat</th></tr><tr><td>Oak</td><td>high</td></tr></table>
<div class="share-links"><a href="#">Tell your friends</a></div><p hidden>Not shown.</p></main>
<aside>Advertisement</aside><footer>Imprint</footer></body></html>
"""
CODE = """// Package fire lights fires.
package fire

import "errors"

// Light lights a fire. 点火。
func Light(wood int) error {
\tif wood == 0 {

\t\treturn errors.New("no wood")
\t}
\treturn nil
}

func Quench() {}
"""


def make() -> None:
    (HERE / "guide.pdf").write_bytes(make_pdf())
    make_docx(HERE / "guide.docx")
    make_pptx(HERE / "guide.pptx")
    make_xlsx(HERE / "guide.xlsx")
    make_epub(HERE / "guide.epub")
    mail = make_mail()
    (HERE / "guide.eml").write_bytes(mail.as_bytes())
    letter = b"From ann Fri Jan  2 03:04:06 2026\nFrom: ann@example.org\nSubject: %s\n\n%s\n\n"
    (HERE / "guide.mbox").write_bytes(
        letter % (b"One", b"Dry wood.\n\n>From the shed.") + letter % (b"Two", "木头。".encode())
    )
    (HERE / "guide.csv").write_bytes('Kind;Heat;Price\nOak;high;1,5\n"Elm; old";low;2\n松木;中等;3\n'.encode("gb18030"))
    (HERE / "guide.txt").write_bytes(PLAIN.encode())
    (HERE / "chinese.text").write_bytes(PLAIN.encode("gb18030"))
    (HERE / "wide.text").write_bytes(PLAIN.encode("utf-16"))
    (HERE / "western.text").write_bytes("Für große Öfen: naïve Bäume à 5 £ café.".encode("cp1252"))
    (HERE / "guide.md").write_bytes(MARKDOWN.encode())
    (HERE / "guide.html").write_bytes(HTML.encode())
    (HERE / "guide.go").write_bytes(CODE.encode())


async def shown(path: Path) -> str:
    lines: list[str] = []
    async with aclosing(extract(path, "", path.name)) as batches:
        async for batch in batches:
            for block in batch.blocks:
                text = block.text.replace("\\", "\\\\").replace("\n", "\\n")
                lines.append(f"{block.kind} {block.page} {block.level}: {text}")
    return "\n".join(lines) + "\n"


async def main() -> None:
    make()
    if "--expected" in sys.argv:
        for path in sorted(HERE.iterdir()):
            if path.suffix not in {".py", ".expected"} and path.is_file():
                path.with_name(f"{path.name}.expected").write_text(await shown(path), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
