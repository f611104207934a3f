"""Names of files and folders as they are kept."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fireside.core.errors import InvalidArgumentError
from fireside.files.names import MOST_BYTES, ending_of, file_name, folder_name
from fireside.files.types import refusal

NAMES = {
    "report.pdf": "report.pdf",
    "résumé 2026.docx": "résumé 2026.docx",
    "报告 终稿.pdf": "报告 终稿.pdf",
    "re\u0301sume\u0301.txt": "résumé.txt",
    "../../etc/passwd": "passwd",
    "C:\\Users\\ann\\notes.txt": "notes.txt",
    "/absolute/path/x.txt": "x.txt",
    "a\0b\r\nc\x7f.txt": "abc.txt",
    "invoice\u202efdp.exe": "invoicefdp.exe",
    "\u2066hidden\u2069\u200e\ufeff.txt": "hidden.txt",
    "👩\u200d🚀 crew.png": "👩\u200d🚀 crew.png",
    "  many   spaces  .txt": "many spaces .txt",
    "setup.exe.": "setup.exe",
    "setup.exe . .": "setup.exe",
    'a<b>:c|d?e*f"g.txt': "a_b__c_d_e_f_g.txt",
    "CON": "_CON",
    "nul.txt": "_nul.txt",
    "com1.tar.gz": "_com1.tar.gz",
    "console.txt": "console.txt",
    ".gitignore": ".gitignore",
    "line\u2028break.txt": "linebreak.txt",
    "private\ue000use.txt": "privateuse.txt",
    "lone\ud800surrogate.txt": "lonesurrogate.txt",
}  # fmt: skip


@pytest.mark.parametrize("given_name", NAMES)
def test_a_name_is_kept_as_far_as_it_can_be_shown(given_name: str) -> None:
    assert file_name(given_name) == NAMES[given_name]


@pytest.mark.parametrize("nothing", ["", " ", ".", "..", "...", "/", "a/", "x\\..", "\0", "\u202e", ". . ."])
def test_a_name_of_nothing_is_refused(nothing: str) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        file_name(nothing)
    assert refused.value.reason == "FILE_NAME_INVALID"


def test_a_long_name_keeps_its_ending_and_whole_characters() -> None:
    assert file_name("长" * 200 + ".pdf") == "长" * 83 + ".pdf"
    assert file_name("a" * 300 + ".tar.gz") == "a" * 252 + ".gz"
    assert len(file_name("x." + "e" * 400)) == MOST_BYTES


@given(st.text())
@example("a" * 252 + ". .txt")
@example("\u0338<" * 100)
@example("." + "x" * 300 + "." + "\u0301" * 20)
def test_what_is_kept_is_clean_and_stays_as_it_is(text: str) -> None:
    try:
        name = file_name(text)
    except InvalidArgumentError:
        return
    assert name
    assert file_name(name) == name
    assert len(name.encode()) <= MOST_BYTES
    assert name == unicodedata.normalize("NFC", name)
    assert not set(name) & set('/\\\0<>:"|?*\n\r\t\u202e\u2066')
    assert name not in (".", "..")
    assert name[-1] not in ". "


FOLDERS = {
    "": "", "/": "", "reports/2026": "reports/2026", "/a//b/./c/": "a/b/c", "a\\b": "a/b", "con/x ": "_con/x", "报告": "报告",
}  # fmt: skip


@pytest.mark.parametrize("text", FOLDERS)
def test_a_folder_is_within_its_collection(text: str) -> None:
    assert folder_name(text) == FOLDERS[text]


@pytest.mark.parametrize("text", ["..", "a/../b", "a/ . /b", "\u202e/a", "x/" * 600 + "y"])
def test_a_folder_that_leads_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError):
        folder_name(text)


@pytest.mark.parametrize(
    ("name", "ending"), [("a.TXT", ".txt"), ("a.tar.gz", ".gz"), ("a", ""), (".bashrc", ""), ("a.", ""), ("a.b.", "")]
)
def test_the_ending_of_a_name(name: str, ending: str) -> None:
    assert ending_of(name) == ending


@pytest.mark.parametrize(
    ("name", "media_type", "refused"),
    [
        ("a.exe", "text/plain", ".exe"),
        ("a.EXE", "", ".exe"),
        ("exe", "", ""),
        ("a.tar.gz", "", ".tar.gz"),
        ("a.mp4", "video/mp4", "video/*"),
        ("a", "VIDEO/x; charset=a", "video/*"),
        ("a", "videos/x", ""),
        ("a", "application/pdf", "Application/PDF"),
        ("a", "application/pdfx", ""),
    ],
)
def test_types_are_refused_by_ending_and_by_kind(name: str, media_type: str, refused: str) -> None:
    assert refusal((".exe", ".tar.gz", "video/*", "Application/PDF"), name, media_type) == refused


def test_everything_can_be_refused() -> None:
    assert refusal(("*/*",), "a", "x/y") == "*/*"
