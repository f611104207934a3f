"""What every test in a browser may ask for: a server, a link to it, and pages that are watched for trouble."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from fireside.cli.link import Link
from tests.accounts import AccountsServer, accounts_server
from tests.browser import FLAGS, PROJECT
from tests.e2e.browsing import PATIENCE_MS, Browsing
from tests.e2e.key_server import KeyServer, key_server
from tests.e2e.scripts import link_to
from tests.ollama_server import OllamaServer, ollama_server
from tests.server_process import ServerProcess, server_process

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here share one loop, since they share one browser."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(browser_path: str) -> AsyncIterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        yield launched
        await launched.close()


@pytest.fixture(scope="session", autouse=True)
def web_app() -> None:
    """The built web app, and axe beside it. They are built once when they are missing, as `make web` does it."""
    web = PROJECT / "web"
    if not (web / "dist" / "index.html").exists() or not (web / "node_modules" / "axe-core").exists():
        subprocess.run([sys.executable, str(PROJECT / "tools" / "setup.py"), "web"], check=True)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that all tests share which do not stop theirs. It has the scripted models alone."""
    with server_process(tmp_path_factory.mktemp("shared")) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def link(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Link]:
    """Calls to the shared server, past the browser."""
    opened = link_to(server.url, tmp_path_factory.mktemp("link"))
    yield opened
    await opened.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def browsing(browser: Browser) -> AsyncIterator[Browsing]:
    """Opens pages; at the end of the test nothing may have complained."""
    opened = Browsing(browser)
    yield opened
    await opened.close()
    assert opened.complaints() == []


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server of the test's own: it changes what all would share."""
    with server_process(tmp_path) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def team(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    """A server with accounts, of the test's own. Nobody has one yet."""
    async with accounts_server(tmp_path) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def ollama() -> AsyncIterator[OllamaServer]:
    """A server with Ollama's API."""
    async with ollama_server() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def keyed() -> AsyncIterator[KeyServer]:
    """An OpenAI-compatible server that wants a key."""
    async with key_server() as server:
        yield server
