"""Every format has a sample and reads it as it should, and whatever else comes is refused in words."""

from __future__ import annotations

from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path

import pytest

from fireside.core.errors import FailedPreconditionError, FiresideError, InvalidArgumentError, UnimplementedError
from fireside.knowledge.chunk import Cutter
from fireside.knowledge.extract import kinds
from fireside.knowledge.extract.base import Block, Extracted, Limits, Source
from fireside.knowledge.extract.child import batches, built_in
from fireside.knowledge.extract.problems import extra_missing
from fireside.knowledge.extract.sandbox import extract
from tests.pdf_file import Page, pdf

SAMPLES = sorted(
    path
    for path in (Path(__file__).parents[1] / "data" / "extract").iterdir()
    if path.suffix not in {".py", ".expected"} and path.is_file()
)
NAMES = [path.name for path in SAMPLES]
MODULES = [kind.module for kind in kinds.KINDS]
needs_ocr = pytest.mark.skipif(find_spec("rapidocr_onnxruntime") is None, reason="the extra `ocr` is not installed")
PICTURES = {"picture.png", "scan.tif"}
EACH = [pytest.param(path, id=path.name, marks=[needs_ocr] if path.name in PICTURES else []) for path in SAMPLES]

QUICK = [pytest.param(path, id=path.name) for path in SAMPLES if path.name not in PICTURES]


async def read(
    path: Path, name: str | None = None, media_type: str = "", limits: Limits | None = None
) -> list[Extracted]:
    async with aclosing(extract(path, media_type, path.name if name is None else name, limits)) as found:
        return [batch async for batch in found]


def blocks_of(found: list[Extracted]) -> list[Block]:
    return [block for batch in found for block in batch.blocks]


def shown(blocks: list[Block]) -> str:
    rows = [
        (block.kind, block.page, block.level, block.text.replace("\\", "\\\\").replace("\n", "\\n")) for block in blocks
    ]
    return "".join(f"{kind} {page} {level}: {text}\n" for kind, page, level, text in rows)


@pytest.mark.parametrize("path", EACH)
async def test_a_sample_is_read_as_expected(path) -> None:
    found = await read(path)
    assert shown(blocks_of(found)) == path.with_name(f"{path.name}.expected").read_text(encoding="utf-8")
    assert [batch.done for batch in found] == sorted(batch.done for batch in found)
    assert all(batch.done <= batch.total or not batch.total for batch in found)
    assert not [warning for batch in found for warning in batch.warnings]


@pytest.mark.parametrize("path", QUICK)
async def test_a_sample_is_read_by_its_content_or_its_type_alone(path) -> None:
    media_type = next(
        iter(sorted(next(kind for kind in kinds.KINDS if kind.module == kinds.kind_of("", path.name)).media_types))
    )
    if path.name in {"guide.go", "guide.mbox", "guide.eml"}:
        media_type = {"guide.go": "text/css"}.get(path.name, "message/rfc822")
    assert shown(blocks_of(await read(path, "", media_type))) == path.with_name(f"{path.name}.expected").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("module", MODULES)
def test_an_extractor_accepts_its_own_format_alone(module) -> None:
    extractor = built_in(module)
    for kind in kinds.KINDS:
        for ending in kind.endings:
            assert extractor.accepts("application/octet-stream", f"A name.{ending.upper()}") == (kind.module == module)
        for media_type in kind.media_types:
            assert extractor.accepts(f"{media_type}; charset=utf-8", "a name") == (kind.module == module)
    assert not extractor.accepts("application/x-unheard-of", "name.unheardof")


def test_every_module_has_a_sample() -> None:
    assert {kinds.kind_of("", name) for name in NAMES} == set(MODULES)


@pytest.mark.parametrize("path", QUICK)
def test_a_damaged_sample_is_read_or_refused_in_words(path, tmp_path) -> None:
    """In this process: what no error of ours is, would be told as such, but tested here."""
    data = path.read_bytes()
    reasons: set[str] = set()
    for number, damaged in enumerate(
        (data[: len(data) // 2], data[:-20], data[: len(data) // 3] + b"\0\xff" * 40 + data[len(data) // 3 + 80 :], b"")
    ):
        broken = tmp_path / f"{number}{path.name}"
        broken.write_bytes(damaged)
        source = Source(broken, "", path.name)
        try:
            for batch in batches(built_in(kinds.find_kind(source)).extract(source), 1_000_000):
                assert all("\0" not in text for _, text, _, _ in batch.blocks)
        except InvalidArgumentError as error:
            reasons.add(error.reason)
        except (KeyError, ValueError, OSError):
            # What openpyxl stumbles over is told as damage by the child.
            reasons.add("DOCUMENT_DAMAGED" if path.suffix == ".xlsx" else "a defect")
    assert reasons <= {"DOCUMENT_DAMAGED", "FORMAT_UNKNOWN", "DOCUMENT_ENCRYPTED"}


async def test_what_is_no_document_is_refused(tmp_path) -> None:
    for name, data in (
        ("a.bin", bytes(range(256)) * 40),
        ("a.pdf", b"\x7fELF" + bytes(4000)),
        ("a.odt", b"PK\x03\x04broken"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InvalidArgumentError) as refused:
            await read(tmp_path / name)
        assert refused.value.reason in {"FORMAT_UNKNOWN", "DOCUMENT_DAMAGED"}
        assert refused.value.message.endswith(".")


async def test_a_name_does_not_hide_what_a_file_is(tmp_path) -> None:
    """A PDF that is called a text is a PDF, and a text that is called nothing is a text."""
    pdf = next(path for path in SAMPLES if path.name == "guide.pdf")
    (tmp_path / "a.txt").write_bytes(pdf.read_bytes())
    assert blocks_of(await read(tmp_path / "a.txt"))[0].text == "Lighting a fire"
    (tmp_path / "plain").write_text("Just words.", encoding="utf-8")
    assert [block.text for block in blocks_of(await read(tmp_path / "plain"))] == ["Just words."]


@pytest.mark.parametrize("path", QUICK)
async def test_a_sample_is_cut_without_a_loss(path) -> None:
    cutter = Cutter()
    found = await read(path)
    chunks = [chunk for batch in found for chunk in cutter.feed(batch.blocks)] + cutter.end()
    said = " ".join(text for chunk in chunks for text in (*chunk.headings, chunk.text))
    assert all(line in said for block in blocks_of(found) for line in block.text.split("\n"))


async def test_no_more_text_is_kept_than_is_allowed(tmp_path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("words and words. " * 10_000, encoding="utf-8")
    found = await read(path, limits=Limits(text_chars=1000))
    assert sum(len(block.text) for block in blocks_of(found)) <= 1000
    assert "first 1000 characters" in found[-1].warnings[0]


async def test_one_endless_line_comes_in_pieces(tmp_path) -> None:
    path = tmp_path / "line.txt"
    path.write_text("word " * 1_000_000, encoding="utf-8")
    blocks = blocks_of(await read(path))
    assert max(len(block.text) for block in blocks) <= 64_000
    assert sum(block.text.count("word") for block in blocks) == 1_000_000


async def test_what_breaks_databases_is_left_out(tmp_path) -> None:
    path = tmp_path / "odd.html"
    path.write_bytes(b"<p>a&#0;b\x00c&#xD800;d&#xFFFE;e\x1b[0mf</p>")
    text = "".join(block.text for block in blocks_of(await read(path)))
    assert not any(
        character < " " or "\ud800" <= character <= "\udfff" or character in "\ufffe\uffff" for character in text
    )
    assert text.startswith("a")


async def test_pages_that_are_pictures_are_read_or_named(tmp_path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(pdf([Page().lines(700, ["A page of text."]), Page().image(b"\xff" * 10_000, 100, 100), Page()]))
    found = await read(path)
    assert found[-1].done == found[-1].total == 3
    warnings = [warning for batch in found for warning in batch.warnings]
    assert bool(warnings) == (find_spec("rapidocr_onnxruntime") is None)


def test_an_extra_that_is_missing_is_named() -> None:
    error: FiresideError = extra_missing("ocr", "Reading pictures")
    assert isinstance(error, UnimplementedError)
    assert "fireside[ocr]" in error.message


@needs_ocr
async def test_pictures_that_there_is_no_room_for_are_told_as_such() -> None:
    [picture] = [path for path in SAMPLES if path.name == "picture.png"]
    with pytest.raises(FailedPreconditionError) as failed:
        await read(picture, limits=Limits(memory_bytes=256 * 1024 * 1024))
    assert failed.value.reason == "EXTRACT_MEMORY"
