"""What of `fireside upload` needs no server: which files go where, how a file is read, what the progress line says."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fireside.cli.failure import CommandError, UsageError
from fireside.cli.upload.progress import Rate, line, size_text, time_text
from fireside.cli.upload.reading import Reading
from fireside.cli.upload.sources import Source, sources


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("docs/a.txt", "docs/sub/b.txt", "docs/.hidden", "docs/.git/config", "other/a.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "docs/loop").symlink_to(tmp_path / "docs")
    return tmp_path


def places(*paths: str) -> list[str]:
    return [source.place for source in sources(paths)]


def test_a_folder_keeps_its_name_and_structure(tree: Path) -> None:
    assert places(str(tree / "docs")) == ["docs/a.txt", "docs/sub/b.txt"]
    assert places(f"{tree}/docs/") == ["a.txt", "sub/b.txt"]
    assert places(f"{tree}/docs/a.txt", f"{tree}/docs/sub") == ["a.txt", "sub/b.txt"]


def test_a_file_that_is_named_twice_is_sent_once_and_two_of_one_place_never(tree: Path) -> None:
    assert places(f"{tree}/docs/a.txt", f"{tree}/docs/a.txt") == ["a.txt"]
    with pytest.raises(UsageError, match=r"would both be a\.txt"):
        sources([f"{tree}/docs/a.txt", f"{tree}/other/a.txt"])


def test_what_is_not_there_is_told(tree: Path) -> None:
    with pytest.raises(UsageError, match="no file or folder"):
        sources([str(tree / "nothing")])


def test_names_of_other_systems_are_put_together(tree: Path) -> None:
    (tree / "Re\u0301sume\u0301.txt").write_text("x")
    assert places(str(tree / "Re\u0301sume\u0301.txt")) == ["R\u00e9sum\u00e9.txt"]


def test_a_fingerprint_tells_the_same_file_on_the_same_way(tree: Path) -> None:
    (source,) = sources([str(tree / "docs/a.txt")])
    (again,) = sources([str(tree / "docs/a.txt")])
    assert source.fingerprint("one") == again.fingerprint("one")
    assert source.fingerprint("one") != again.fingerprint("two")
    assert len(source.fingerprint("one")) <= 256
    (tree / "docs/a.txt").write_text("longer than before")
    assert not source.is_unchanged()
    (changed,) = sources([str(tree / "docs/a.txt")])
    assert changed.fingerprint("one") != source.fingerprint("one")


def source_of(path: Path) -> Source:
    (source,) = sources([str(path)])
    return source


async def test_a_file_is_hashed_once_whatever_is_read_of_it(tmp_path: Path) -> None:
    path, data = tmp_path / "x", bytes(range(256)) * 40
    path.write_bytes(data)
    reading = Reading(source_of(path))
    assert await reading.piece(0, 1000) == data[:1000]
    assert await reading.piece(500, 1000) == data[500:1500]
    assert await reading.piece(4000, 100) == data[4000:4100]
    assert await reading.piece(10_000, 9999) == data[10_000:]
    assert await reading.digest() == hashlib.sha256(data).digest()
    reading.close()


async def test_a_file_that_became_shorter_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(100))
    reading = Reading(source_of(path))
    path.write_bytes(bytes(10))
    with pytest.raises(CommandError, match="shorter"):
        await reading.digest()
    reading.close()


def test_the_rate_is_that_of_late() -> None:
    rate = Rate()
    assert rate.at(0.0, 0) == 0.0
    assert rate.at(1.0, 100) == 100.0
    for second in range(2, 20):
        last = rate.at(float(second), 100 + 1000 * (second - 1))
    assert last == pytest.approx(1000.0)
    assert rate.at(20.0, 5) == 0.0  # it began again further back


def test_the_line_says_how_much_how_fast_and_how_long() -> None:
    text = line("report.pdf", 12_300_000, 24_600_000, 4_100_000.0, 100)
    assert " ".join(text.split()) == ("report.pdf [##########----------] 50 % 12.3 MB of 24.6 MB 4.1 MB/s, 3 s left")
    assert "left" not in line("x", 5, 5, 100.0, 100)
    assert "100 %" in line("empty", 0, 0, 0.0, 100)
    for width in (10, 40, 60, 80, 200):
        assert len(line("a-very-long-name-" * 9, 1, 3, 1.0, width)) <= width


def test_figures_are_short() -> None:
    assert [size_text(size) for size in (0, 999, 1000, 99_900, 123_456, 5e9)] == [
        "0 bytes", "999 bytes", "1.0 kB", "99.9 kB", "123 kB", "5.0 GB",
    ]  # fmt: skip
    assert [time_text(seconds) for seconds in (0.4, 59, 61, 7260)] == ["0 s", "59 s", "1 min 1 s", "2 h 1 min"]
