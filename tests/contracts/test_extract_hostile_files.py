"""Files that were made to do harm: bombs, loops, lies and paths. Each is refused with a reason, or read for what it is."""

from __future__ import annotations

import io
import time
import zipfile
import zlib
from contextlib import aclosing
from pathlib import Path

import pytest

from fireside.core.errors import FiresideError
from fireside.knowledge.extract.base import Block, Limits
from fireside.knowledge.extract.sandbox import extract
from tests.pdf_file import Page, pdf

SAMPLES = Path(__file__).parents[1] / "data" / "extract"
LIMITS = Limits(seconds=30, memory_bytes=768 * 1024 * 1024)
ENTITIES = "".join(
    f'<!ENTITY a{n} "{"&a" + str(n - 1) + ";" if n else "ha"}{"" if n == 0 else f"&a{n - 1};" * 9}">' for n in range(12)
)
LAUGHS = f"<?xml version='1.0'?><!DOCTYPE x [{ENTITIES}]>"
STEAL = "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"


async def read(path: Path, data: bytes, limits: Limits = LIMITS) -> tuple[list[Block], str]:
    """The blocks, and the reason why there are no more."""
    path.write_bytes(data)  # noqa: ASYNC240 - a few bytes.
    blocks: list[Block] = []
    try:
        async with aclosing(extract(path, "", path.name, limits)) as found:
            async for batch in found:
                blocks += batch.blocks
    except FiresideError as error:
        return blocks, error.reason if error.message.endswith(".") else f"no sentence: {error.message}"
    return blocks, ""


def changed(sample: str, parts: dict[str, bytes]) -> bytes:
    """A sample archive with other parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(SAMPLES / sample) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            if entry.filename not in parts:
                new.writestr(entry, old.read(entry))
        for name, data in parts.items():
            new.writestr(name, data)
    return out.getvalue()


def text_of(blocks: list[Block]) -> str:
    return "\n".join(block.text for block in blocks)


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
XHTML = "OEBPS/text/one.xhtml"
SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize("start", [LAUGHS, STEAL], ids=["laughs", "steal"])
@pytest.mark.parametrize(
    ("sample", "part", "body"),
    [
        (
            "guide.docx",
            "word/document.xml",
            f"<w:document {W}><w:body><w:p><w:r><w:t>&a;&a11;</w:t></w:r></w:p></w:body></w:document>",
        ),
        ("guide.pptx", "ppt/slides/slide1.xml", "<a>&a;&a11;</a>"),
        ("guide.xlsx", SHEET, "<worksheet>&a;&a11;</worksheet>"),
        ("guide.epub", "OEBPS/book.opf", "<package>&a;&a11;</package>"),
        ("guide.epub", XHTML, "<html><body>&a;&a11;</body></html>"),
    ],
)
async def test_entities_are_not_expanded(tmp_path, start, sample, part, body) -> None:
    _, reason = await read(tmp_path / sample, changed(sample, {part: (start + body).encode()}))
    assert reason == "DOCUMENT_DAMAGED"


async def test_entities_are_found_in_utf_16(tmp_path) -> None:
    data = changed("guide.docx", {"word/document.xml": (LAUGHS + "<a>&a11;</a>").encode("utf-16")})
    assert (await read(tmp_path / "a.docx", data))[1] == "DOCUMENT_DAMAGED"


@pytest.mark.parametrize("name", ["a.html", "a.xml", "a.svg"])
async def test_entities_of_a_page_are_text(tmp_path, name) -> None:
    began = time.monotonic()
    blocks, _ = await read(
        tmp_path / name, (LAUGHS + STEAL + "<html><body><p>before &a;&a11; after</p></body></html>").encode()
    )
    assert len(text_of(blocks)) < 10_000
    assert "root:" not in text_of(blocks)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("sample", "part"),
    [
        ("guide.docx", "word/document.xml"),
        ("guide.xlsx", SHEET),
        ("guide.epub", XHTML),
        ("guide.pptx", "ppt/slides/slide1.xml"),
    ],
)
async def test_zip_bombs_are_not_unpacked(tmp_path, sample, part) -> None:
    _, reason = await read(tmp_path / sample, changed(sample, {part: b" " * 64_000_000}))
    assert reason == "DOCUMENT_TOO_LARGE"


async def test_archives_of_many_files_are_not_unpacked(tmp_path) -> None:
    many = {f"{number}.xml": b"" for number in range(21_000)}
    _, reason = await read(tmp_path / "a.docx", changed("guide.docx", many))
    assert reason == "DOCUMENT_TOO_LARGE"


async def test_an_archive_that_unpacks_to_more_than_is_allowed(tmp_path) -> None:
    noise = zlib.compress(b"x") * 1000
    _, reason = await read(
        tmp_path / "a.docx", changed("guide.docx", {"a.xml": noise * 4}), Limits(unpacked_bytes=40_000)
    )
    assert reason == "DOCUMENT_TOO_LARGE"


async def test_a_directory_that_lies_about_sizes(tmp_path) -> None:
    """It says a hundred bytes where there are sixteen million: no more than what it says is unpacked."""
    data = bytearray(changed("guide.docx", {"word/document.xml": b" " * 16_000_000}))
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        name = data.find(
            b"word/document.xml",
            data.rfind(signature, 0, data.rfind(b"word/document.xml")) if signature == b"PK\x01\x02" else 0,
        )
        head = data.rfind(signature, 0, name)
        data[head + offset : head + offset + 4] = (100).to_bytes(4, "little")
    _, reason = await read(tmp_path / "a.docx", bytes(data))
    assert reason == "DOCUMENT_DAMAGED"


async def test_parts_that_share_their_bytes(tmp_path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * 15_000_000)
        entry = archive.filelist[0]
        for number in range(50):
            twin = zipfile.ZipInfo(f"word/{number}.xml")
            for name in ("compress_type", "CRC", "compress_size", "file_size", "header_offset"):
                setattr(twin, name, getattr(entry, name))
            archive.filelist.append(twin)
    _, reason = await read(tmp_path / "a.docx", out.getvalue())
    assert reason == "DOCUMENT_DAMAGED"


async def test_an_encrypted_archive(tmp_path) -> None:
    data = bytearray((SAMPLES / "guide.docx").read_bytes())
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = data.find(signature)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(signature, at + 4)
    _, reason = await read(tmp_path / "a.docx", bytes(data))
    assert reason == "DOCUMENT_ENCRYPTED"
    sealed = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000) + "EncryptedPackage".encode("utf-16-le") + bytes(1000)
    _, reason = await read(tmp_path / "b.docx", sealed)
    assert reason == "DOCUMENT_ENCRYPTED"


async def test_an_encrypted_pdf(tmp_path) -> None:
    lock = b"/ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4"
    lock += b" /O <" + b"41" * 32 + b"> /U <" + b"42" * 32 + b"> >>"
    _, reason = await read(tmp_path / "a.pdf", pdf([Page().lines(700, ["Secret."])], trailer=lock))
    assert reason == "DOCUMENT_ENCRYPTED"


@pytest.mark.parametrize("keep", [5, 20, 200, 1200])
async def test_a_pdf_that_was_cut_off(tmp_path, keep) -> None:
    whole = (SAMPLES / "guide.pdf").read_bytes()
    blocks, reason = await read(tmp_path / "a.pdf", whole[:keep])
    assert reason == "DOCUMENT_DAMAGED"
    assert not blocks


async def test_a_pdf_whose_pages_go_in_circles(tmp_path) -> None:
    whole = pdf([Page().lines(700, ["Text."])], [(0, "One", 0), (0, "Two", 0)])
    for old, new in (
        (b"/Kids [8 0 R]", b"/Kids [2 0 R]"),
        (b"/Next 12 0 R", b"/Next 11 0 R"),
        (b"/Count 1 ", b"/Count 9999999 "),
    ):
        assert old in whole or old == b"/Count 1 "
        _, reason = await read(tmp_path / "a.pdf", whole.replace(old, new))
        assert reason in {"", "DOCUMENT_DAMAGED"}


async def test_a_pdf_that_is_a_bomb(tmp_path) -> None:
    engine = zlib.compressobj(9)
    bomb = b"".join(engine.compress(b"(a) Tj " * 150_000) for _ in range(300)) + engine.flush()
    page = Page().lines(700, ["Text."])
    whole = pdf([page])
    stream = zlib.compress(b"\n".join(page.content))
    assert stream in whole
    bombed = whole.replace(b"/Length %d" % len(stream), b"/Length %d" % len(bomb)).replace(stream, bomb)
    _, reason = await read(tmp_path / "a.pdf", bombed, Limits(seconds=5, memory_bytes=512 * 1024 * 1024))
    assert reason in {"EXTRACT_TIMEOUT", "EXTRACT_MEMORY", "EXTRACT_CRASHED", "DOCUMENT_DAMAGED", ""}


async def test_a_sheet_that_says_it_is_endless(tmp_path) -> None:
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/><sheetData>'
        '<row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>2</v></c></row><row r="1048576"><c r="XFD1048576"><v>3</v></c></row></sheetData></worksheet>'
    )
    blocks, reason = await read(tmp_path / "a.xlsx", changed("guide.xlsx", {SHEET: sheet.encode()}))
    assert reason == ""
    assert "1 | 2" in text_of(blocks)


async def test_html_that_is_deeper_than_a_stack(tmp_path) -> None:
    blocks, reason = await read(
        tmp_path / "a.html", b"<p>before</p>" + b"<div>" * 200_000 + b"deep" + b"</div>" * 200_000
    )
    assert reason == ""
    assert "before" in text_of(blocks)
    _, reason = await read(tmp_path / "a.docx", changed("guide.docx", {"word/document.xml": b"<a>" * 200_000}))
    assert reason == "DOCUMENT_DAMAGED"


@pytest.mark.parametrize(
    "target", ["../../../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "OEBPS/../../etc/passwd"]
)
async def test_paths_lead_nowhere(tmp_path, target) -> None:
    book = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
        f'<item id="a" href="{target}" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>'
    )
    blocks, reason = await read(tmp_path / "a.epub", changed("guide.epub", {"OEBPS/book.opf": book.encode()}))
    assert reason == ""
    assert "root:" not in text_of(blocks)
    container = f'<container><rootfiles><rootfile full-path="{target}"/></rootfiles></container>'
    _, reason = await read(tmp_path / "b.epub", changed("guide.epub", {"META-INF/container.xml": container.encode()}))
    assert reason == "DOCUMENT_DAMAGED"
    planted = changed("guide.docx", {target: b"planted", "word/..\\..\\x": b"planted"})
    blocks, reason = await read(tmp_path / "a.docx", planted)
    assert reason == ""
    assert "planted" not in text_of(blocks)


async def test_a_name_is_only_a_name(tmp_path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# Text", encoding="utf-8")
    for name in ("../../etc/passwd", "/etc/passwd", "a\0b", "-rf", "a\nb.md", "\ud800.md"):
        async with aclosing(extract(path, "text/markdown", name, LIMITS)) as found:
            texts = [block.text async for batch in found for block in batch.blocks]
        assert texts[0].endswith("Text")


async def test_a_text_that_repeats_a_pattern_takes_no_longer(tmp_path) -> None:
    """Regular expressions that go back and forth over their input would."""
    for name, text in (
        ("a.md", "[" * 50_000 + "**" * 50_000 + "`" * 50_000 + "![" * 20_000),
        ("b.md", "|" * 100_000 + "\n" + "|-" * 50_000),
        ("c.txt", "a. " * 100_000),
        ("d.html", "<!--" * 50_000 + "<p" * 50_000),
        ("e.csv", '"' * 100_001),
        ("f.md", "- - - - " * 30_000 + "x"),
        ("g.eml", "Subject: " + "=?utf-8?q?" * 20_000 + "\n\nx"),
    ):
        began = time.monotonic()
        _, reason = await read(tmp_path / name, text.encode())
        assert reason in {"", "DOCUMENT_DAMAGED"}, name
        assert time.monotonic() - began < 8, name
