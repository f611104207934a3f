"""Makes src/fireside/knowledge/bearings_e5.py: where the vectors of all texts point, and how languages differ in them.

`python -m bench.retrieval.bearings` embeds sentences that say the same in English and in Chinese (pairs.jsonl) by the
embedded model. To be run again when the model changes; nothing of the corpus or of the questions goes into it.
"""

from __future__ import annotations

import base64
import textwrap
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import uvloop

from bench.retrieval.corpus import CACHE
from bench.retrieval.embedded import open_embedder

PAIRS: Final = Path(__file__).with_name("pairs.jsonl")
OUT: Final = Path(__file__).parents[2] / "src" / "fireside" / "knowledge" / "bearings_e5.py"
HEAD: Final = '''"""What bearings.py has to know of multilingual-e5-small. Data, made by `python -m bench.retrieval.bearings`.

Little-endian 16-bit floats.
"""

from __future__ import annotations

from typing import Final
'''


def written(name: str, values: np.ndarray) -> str:
    """A vector as a constant."""
    text = base64.b64encode(values.astype("<f2").tobytes()).decode()
    lines = "\n".join(f'    "{line}"' for line in textwrap.wrap(text, 110))
    return f"\n{name}: Final = (\n{lines}\n)\n"


async def make() -> str:
    """The module."""
    pairs = [msgspec.json.decode(line, type=dict[str, str]) for line in PAIRS.read_text().splitlines()]
    async with open_embedder(CACHE / "vectors.db") as embedder:
        vectors = await embedder.passages([pair[language] for language in ("en", "zh") for pair in pairs])
    english, chinese = (
        np.frombuffer(b"".join(vectors), "<f2").astype(np.float32).reshape(2, len(pairs), -1).mean(axis=1)
    )
    axis = chinese - english
    return HEAD + written("MIDDLE", (english + chinese) / 2) + written("AXIS", axis / np.linalg.norm(axis))


if __name__ == "__main__":
    OUT.write_text(uvloop.run(make()))
