"""The built web app as static files, and /healthz. Not a general file server: one folder, read-only.

Files with a content hash in their name never change and are cached for good; all others are asked for again with their
ETag. Precompressed variants (`.br`, `.gz`) beside a file are sent to those who take them.
"""

from __future__ import annotations

import asyncio
import mimetypes
import re
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from fireside.edge.plain import Reply, send_reply

if TYPE_CHECKING:
    from fireside.edge.plain import Scope, Send

# Inline style attributes are how KaTeX places its glyphs; scripts are never inline.
_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"geolocation=(), camera=(), payment=(), usb=()"),
)
# The worker that hashes uploads has a policy of its own: it may run what is compiled, which is twice as fast, and do nothing else.
_HASHING = re.compile(r"assets/hash-worker-[^/]+\.js")
_HASHING_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HASHING_HEADERS = (
    (b"content-security-policy", _HASHING_POLICY.encode()),
    *(header for header in SECURITY_HEADERS if header[0] != b"content-security-policy"),
)
# Vite puts files with a hash in their name here.
_HASHED = re.compile(r"assets/.+-[A-Za-z0-9_-]{8,}\.\w+(\.map)?")
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
# The system's table differs between machines; these are what a bundle holds.
_TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8", ".json": "application/json", ".map": "application/json",
    ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/vnd.microsoft.icon", ".webp": "image/webp",
    ".woff2": "font/woff2", ".woff": "font/woff", ".ttf": "font/ttf", ".wasm": "application/wasm",
    ".txt": "text/plain; charset=utf-8", ".webmanifest": "application/manifest+json",
}  # fmt: skip
_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Fireside</title>
<h1>Fireside is running</h1>
<p>The web app has not been built. Run <code>make run</code> in the project's folder, which builds it, or
<code>npm ci &amp;&amp; npm run build</code> in its <code>web</code> folder, and load this page again.</p>
<p>The API works without it: <code>fireside chat</code>, <code>grpcurl</code> and <code>buf curl</code> can call it.</p>
</html>
"""


def default_folder() -> Path:
    """The bundle inside the package, or else that of a source tree."""
    packaged = Path(__file__).parent / "static"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[3] / "web" / "dist"


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    size: int
    modified: float
    etag: bytes
    encoding: str = ""


class WebApp:
    """Answers GET and HEAD from one folder."""

    def __init__(self, folder: Path) -> None:
        """`folder` need not exist yet: a bundle that is built later is served without a restart."""
        self._folder = folder

    async def __call__(self, scope: Scope, send: Send) -> None:
        """Answers one request."""
        await send_reply(send, await self._reply(scope), head=scope["method"] == "HEAD")

    async def _reply(self, scope: Scope) -> Reply:
        if scope["method"] not in ("GET", "HEAD"):
            return Reply(405, b"Only GET and HEAD.\n", headers=(*SECURITY_HEADERS, (b"allow", b"GET, HEAD")))
        path: str = scope["path"].lstrip("/")
        if path == "healthz":
            return Reply(200, b"ok\n", headers=(*SECURITY_HEADERS, (b"cache-control", b"no-store")))
        # Names and values are bytes, as ASGI has them.
        headers = dict(scope["headers"])
        return await asyncio.to_thread(self._read, path, headers)

    def _read(self, path: str, headers: dict[bytes, bytes]) -> Reply:
        """Runs in a thread: it reads files."""
        accepted = headers.get(b"accept-encoding", b"").decode("latin-1")
        name = path or "index.html"
        file = self._find(name, accepted)
        if file is None and _is_page(path, headers):
            name = "index.html"
            file = self._find(name, accepted)
            if file is None:
                return _not_built()
        if file is None:
            return Reply(404, b"There is no such page.\n", headers=SECURITY_HEADERS)
        caching = b"public, max-age=31536000, immutable" if _HASHED.fullmatch(name) else b"no-cache"
        head = (
            *(_HASHING_HEADERS if _HASHING.fullmatch(name) else SECURITY_HEADERS),
            (b"cache-control", caching),
            (b"etag", file.etag),
            (b"last-modified", formatdate(file.modified, usegmt=True).encode()),
            (b"vary", b"accept-encoding"),
        )
        if _matches(headers.get(b"if-none-match", b""), file.etag):
            return Reply(304, b"", headers=head)
        if file.encoding:
            head = (*head, (b"content-encoding", file.encoding.encode()))
        return Reply(200, file.path.read_bytes(), _type_of(name), head)

    def _find(self, name: str, accepted: str) -> _File | None:
        """The file of this name inside the folder, or its smallest variant that the client takes."""
        root = self._folder.resolve()
        try:
            target = (root / name).resolve()
            if "\0" in name or not target.is_relative_to(root):
                return None
            for encoding, suffix in _ENCODINGS:
                if _takes(accepted, encoding) and (found := _stat(target.with_name(target.name + suffix), encoding)):
                    return found
            return _stat(target, "")
        except (OSError, ValueError):  # a name that no file can have
            return None


def _stat(path: Path, encoding: str) -> _File | None:
    try:
        status = path.stat()
    except OSError:
        return None
    if not S_ISREG(status.st_mode):
        return None
    etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}{"-" + encoding if encoding else ""}"'
    return _File(path, status.st_size, status.st_mtime, etag.encode(), encoding)


def _takes(accepted: str, encoding: str) -> bool:
    for item in accepted.split(","):
        name, _, parameters = item.partition(";")
        if name.strip() == encoding:
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", parameters)
    return False


def _matches(wanted: bytes, etag: bytes) -> bool:
    return wanted.strip() == b"*" or etag in [item.strip().removeprefix(b"W/") for item in wanted.split(b",")]


def _is_page(path: str, headers: dict[bytes, bytes]) -> bool:
    """Whether this is a route of the web app, which its router shows, and not a file that is missing."""
    if not path or path == "index.html":
        return True
    return "." not in path.rpartition("/")[2] and b"text/html" in headers.get(b"accept", b"text/html")


def _type_of(name: str) -> str:
    suffix = Path(name).suffix
    return _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _not_built() -> Reply:
    head = (*SECURITY_HEADERS, (b"cache-control", b"no-store"))
    return Reply(503, _NOT_BUILT.encode(), "text/html; charset=utf-8", head)
