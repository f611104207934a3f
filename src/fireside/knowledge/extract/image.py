"""Pictures: what is written in them, with the extra `ocr`. Not what is to be seen."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fireside.knowledge.extract import ocr, problems
from fireside.knowledge.extract.base import Block, Extracted, Kind, Source
from fireside.knowledge.extract.kinds import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_PIXELS = 100_000_000
_LONGEST_SIDE = 4_000
_MOST_FRAMES = 500


class ImageExtractor:
    """Reads PNG, JPEG, GIF, WebP, BMP and TIFF."""

    def accepts(self, media_type: str, name: str) -> bool:
        """See base.py."""
        return kind_of(media_type, name) == "image"

    def extract(self, source: Source) -> Iterator[Extracted]:
        """See base.py. A picture of several, such as a fax in TIFF, has pages."""
        if not ocr.installed():
            raise problems.extra_missing("ocr", "Reading what is written in pictures")
        # Come with the extra; without types.
        library: Any = import_module("PIL.Image")
        numpy: Any = import_module("numpy")
        library.MAX_IMAGE_PIXELS = None
        try:
            picture: Any = library.open(source.path)
        except library.UnidentifiedImageError as error:
            raise problems.damaged("it is no picture that is whole") from error
        with picture:
            width, height = picture.size
            if width * height > _MOST_PIXELS:
                raise problems.too_large(f"it has {width} times {height} pixels")
            total = min(getattr(picture, "n_frames", 1), _MOST_FRAMES) if picture.format == "TIFF" else 1
            for number in range(total):
                try:
                    picture.seek(number)
                    frame = picture.convert("RGB")
                except (OSError, SyntaxError, EOFError) as error:
                    raise problems.damaged("it is no picture that is whole") from error
                frame.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
                texts = ocr.read(numpy.asarray(frame)[:, :, ::-1])
                page = number + 1 if total > 1 else 0
                blocks = tuple(Block(Kind.PARAGRAPH, text, page) for text in texts)
                warnings = () if blocks or total > 1 else ("No text was found in this picture.",)
                yield Extracted(blocks, number + 1, total, warnings)


EXTRACTOR = ImageExtractor()
