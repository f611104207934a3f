"""An OpenAI-compatible server that wants an API key and answers with the question. Not a model, and no more of the API.

It is what a person has before them who mistypes a key: models are listed only with the right one.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

KEY = "sk-right"
MODEL = "parrot-1"


@dataclass(slots=True)
class KeyServer:
    """Where it is, and the keys that it was shown."""

    url: str = ""
    shown: list[str] = field(default_factory=list)

    async def models(self, request: web.Request) -> web.Response:
        """The list, for those who have the key."""
        return self._refusal(request) or web.json_response(
            {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
        )

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """The last question again, word by word."""
        refusal = self._refusal(request)
        if refusal:
            return refusal
        asked = await request.json()
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for word in f"You said: {asked['messages'][-1]['content']}".split(" "):
            await answer.write(_event({"choices": [{"index": 0, "delta": {"content": f"{word} "}}]}))
        await answer.write(_event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
        await answer.write(b"data: [DONE]\n\n")
        return answer

    def _refusal(self, request: web.Request) -> web.Response | None:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.shown.append(key)
        if key == KEY:
            return None
        error = {"message": "Incorrect API key provided.", "type": "invalid_request_error", "code": "invalid_api_key"}
        return web.json_response({"error": error}, status=401)


def _event(piece: dict[str, object]) -> bytes:
    return f"data: {json.dumps({'id': 'c1', 'object': 'chat.completion.chunk', 'model': MODEL} | piece)}\n\n".encode()


@asynccontextmanager
async def key_server() -> AsyncGenerator[KeyServer]:
    """A server on a port of its own."""
    server = KeyServer()
    app = web.Application()
    app.router.add_get("/v1/models", server.models)
    app.router.add_post("/v1/chat/completions", server.chat)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()
