"""A process to be killed: starts the given generation on the given store and prints each event number that it shows.

Usage: python -m tests.crash_child DATABASE_URL SPEC_BASE64. Prints `accepted`, then a number a line.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from contextlib import aclosing

from fireside.chat.wire import events_of
from fireside.core.principal import LOCAL
from fireside.gen.v1 import generation_pb2
from fireside.store.db import open_database
from tests.rig import open_rig


async def _main(url: str, spec: generation_pb2.GenerationSpec) -> None:
    async with open_rig(await open_database(url)) as rig:
        record = await rig.engine.start(LOCAL, spec)
        print("accepted", flush=True)
        async with aclosing(rig.engine.watch(LOCAL, record.id, 0, 60.0)) as tail:
            async for payload in tail:
                print(events_of(payload)[-1].seq, flush=True)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], generation_pb2.GenerationSpec.FromString(base64.b64decode(sys.argv[2]))))
