"""People with accounts at browsers of their own, past the screens of signing in. Not page code."""

from __future__ import annotations

from typing import Any

from playwright.async_api import BrowserContext

from fireside.core.ids import new_id
from fireside.gen.v1.conversation_service_pb2 import CreateConversationRequest
from tests.accounts import Person
from tests.e2e.browsing import Browsing
from tests.e2e.chat_page import ChatPage


async def browser_of(browsing: Browsing, person: Person, **options: Any) -> BrowserContext:
    """A device on which they have signed in."""
    device = await browsing.device(person.url, **options)
    await device.add_cookies([{"name": "fireside", "value": person.token, "url": person.url}])
    return device


async def tab_of(browsing: Browsing, person: Person, path: str = "/", **options: Any) -> ChatPage:
    """A tab on a device of theirs."""
    return await browsing.tab(await browser_of(browsing, person, **options), path)


async def begin_as(person: Person, script: str, title: str = "A scripted conversation") -> str:
    """Makes an empty conversation of theirs with a scripted model. Returns its id."""
    made = CreateConversationRequest(conversation_id=new_id(), title=title, model=f"scripted/{script}")
    async with person.caller() as client:
        await client.unary("CreateConversation", made)
    return made.conversation_id
