"""Writes small PDF files by hand, so that tests know each byte of them: text at places, an outline, pictures, damage."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

HELVETICA, COURIER, SONG = "F1", "F2", "F3"
"""Latin, fixed width, and a Chinese font that is not inside the file: PDFium knows its encoding without it."""


@dataclass
class Page:
    """Text at places in points from the lower left corner of an A4 page."""

    content: list[bytes] = field(default_factory=list[bytes])
    picture: bytes = b""

    def text(self, x: float, y: float, text: str, size: float = 11, font: str = HELVETICA) -> Page:
        shown = f"<{text.encode('utf-16-be').hex()}>" if font == SONG else f"({_escaped(text)})"
        self.content.append(f"BT /{font} {size} Tf {x} {y} Td {shown} Tj ET".encode("cp1252"))
        return self

    def lines(self, y: float, lines: list[str], size: float = 11, font: str = HELVETICA) -> Page:
        for number, line in enumerate(lines):
            self.text(72, y - number * size * 1.2, line, size, font)
        return self

    def image(self, pixels: bytes, width: int, height: int) -> Page:
        """A grey picture over most of the page."""
        self.picture = (
            b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8"
            b" /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream"
        ) % (width, height, len(zlib.compress(pixels)), zlib.compress(pixels))
        self.content.append(b"q 500 0 0 700 40 60 cm /Im1 Do Q")
        return self


def pdf(pages: list[Page], outline: list[tuple[int, str, int]] | None = None, *, trailer: bytes = b"") -> bytes:
    """A file of pages. The outline has depth from 0, title, and page from 0; at most two depths."""
    objects: dict[int, bytes] = {
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        4: b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>",
        5: b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [6 0 R] >>",
        6: b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /DW 1000 /FontDescriptor 7 0 R"
        b" /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> >>",
        7: b"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] /ItalicAngle 0"
        b" /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>",
    }
    numbers: list[int] = []
    for page in pages:
        number = max(objects) + 1
        numbers.append(number)
        stream = zlib.compress(b"\n".join(page.content))
        picture = f" /XObject << /Im1 {number + 2} 0 R >>" if page.picture else ""
        objects[number] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {number + 1} 0 R"
            f" /Resources << /Font << /F1 3 0 R /F2 4 0 R /F3 5 0 R >>{picture} >> >>"
        ).encode()
        objects[number + 1] = b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream)
        if page.picture:
            objects[number + 2] = page.picture
    kids = " ".join(f"{number} 0 R" for number in numbers)
    objects[2] = f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>".encode()
    root = _outline(objects, outline or [], numbers)
    objects[1] = f"<< /Type /Catalog /Pages 2 0 R{root} >>".encode()
    return _file(objects, trailer)


def _outline(objects: dict[int, bytes], outline: list[tuple[int, str, int]], pages: list[int]) -> str:
    if not outline:
        return ""
    top = max(objects) + 1
    first = top + 1
    depths = [depth for depth, _, _ in outline]
    for at, (depth, title, page) in enumerate(outline):
        after = next((n for n in range(at + 1, len(depths)) if depths[n] <= depth), len(depths))
        following = after if after < len(depths) and depths[after] == depth else None
        parent = top if depth == 0 else first + max(n for n in range(at) if depths[n] < depth)
        inside = [n for n in range(at + 1, after) if depths[n] == depth + 1]
        entry = f"<< /Title <feff{title.encode('utf-16-be').hex()}> /Parent {parent} 0 R /Dest [{pages[page]} 0 R /Fit]"
        entry += f" /Next {first + following} 0 R" if following is not None else ""
        entry += (
            f" /First {first + inside[0]} 0 R /Last {first + inside[-1]} 0 R /Count {len(inside)}" if inside else ""
        )
        objects[first + at] = f"{entry} >>".encode()
    roots = [at for at, depth in enumerate(depths) if depth == 0]
    objects[top] = (
        f"<< /Type /Outlines /First {first + roots[0]} 0 R /Last {first + roots[-1]} 0 R /Count {len(roots)} >>".encode()
    )
    return f" /Outlines {top} 0 R"


def _file(objects: dict[int, bytes], trailer: bytes) -> bytes:
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places: dict[int, int] = {}
    for number in sorted(objects):
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, objects[number])
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % places[number] for number in sorted(objects))
    out += b"trailer << /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)
    return bytes(out)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
