"""The web app's files over plain ASGI: types, caching, fallback, and nothing outside the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from fireside.edge.plain import Message
from fireside.edge.web import WebApp

HTML = {"accept": "text/html,*/*"}


class Answer:
    """What an ASGI application sent."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message["body"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bundle = tmp_path / "dist"
    (bundle / "assets").mkdir(parents=True)
    (bundle / "index.html").write_text("<!doctype html>home")
    (bundle / "favicon.svg").write_text("<svg/>")
    (bundle / "assets" / "main-Ab12Cd34.js").write_text("run()")
    (bundle / "assets" / "main-Ab12Cd34.js.br").write_bytes(b"brotli")
    (bundle / "assets" / "main-Ab12Cd34.js.gz").write_bytes(b"gzip")
    (bundle / "assets" / "style.css").write_text("a{}")
    (tmp_path / "secret.txt").write_text("secret")
    (bundle / "link.txt").symlink_to(tmp_path / "secret.txt")
    return bundle


async def get(folder: Path, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> Answer:
    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    answer = Answer()
    await WebApp(folder)({"type": "http", "method": method, "path": path, "headers": raw}, answer)
    return answer


@pytest.mark.parametrize("path", ["/", "/index.html", "/c/0190", "/settings"])
async def test_a_route_of_the_app_is_the_page(folder: Path, path: str) -> None:
    answer = await get(folder, path, HTML)
    assert (answer.status, answer.body) == (200, b"<!doctype html>home")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


async def test_every_file_has_the_security_headers(folder: Path) -> None:
    headers = (await get(folder, "/")).headers
    policy = headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers


async def test_compiled_code_runs_in_the_hashing_worker_alone(folder: Path) -> None:
    (folder / "assets" / "hash-worker-Ab12Cd34.js").write_text("hash()")
    headers = (await get(folder, "/assets/hash-worker-Ab12Cd34.js")).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; ")
    assert headers["x-content-type-options"] == "nosniff"
    for path in ("/", "/assets/main-Ab12Cd34.js"):
        assert "wasm" not in (await get(folder, path)).headers["content-security-policy"]


async def test_a_file_with_a_hash_in_its_name_is_cached_for_good(folder: Path) -> None:
    hashed = await get(folder, "/assets/main-Ab12Cd34.js")
    assert (hashed.body, hashed.headers["content-type"]) == (b"run()", "text/javascript; charset=utf-8")
    assert "immutable" in hashed.headers["cache-control"]
    assert (await get(folder, "/assets/style.css")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("accepted", "body", "encoding"),
    [
        ("gzip, deflate, br", b"brotli", "br"), ("gzip", b"gzip", "gzip"), ("br;q=0, gzip;q=0.5", b"gzip", "gzip"),
        ("", b"run()", None), ("identity", b"run()", None), ("xbr", b"run()", None),
    ],
)  # fmt: skip
async def test_a_compressed_variant_goes_to_who_takes_it(
    folder: Path, accepted: str, body: bytes, encoding: str | None
) -> None:
    answer = await get(folder, "/assets/main-Ab12Cd34.js", {"accept-encoding": accepted})
    assert (answer.body, answer.headers.get("content-encoding")) == (body, encoding)
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["vary"] == "accept-encoding"


async def test_a_known_etag_is_not_modified(folder: Path) -> None:
    first = await get(folder, "/favicon.svg")
    again = await get(folder, "/favicon.svg", {"if-none-match": f'"x", W/{first.headers["etag"]}'})
    assert (again.status, again.body) == (304, b"")
    assert "content-length" not in again.headers
    (folder / "favicon.svg").write_text("<svg>new</svg>")
    assert (await get(folder, "/favicon.svg", {"if-none-match": first.headers["etag"]})).status == 200


async def test_head_is_get_without_the_body(folder: Path) -> None:
    answer = await get(folder, "/", method="HEAD")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "19")


async def test_other_methods_are_refused(folder: Path) -> None:
    answer = await get(folder, "/", method="POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt", "/assets/../../secret.txt", "//etc/passwd", "/link.txt", "/assets", "/missing.js",
        "/..\\secret.txt", "/\0.txt", "/" + "a" * 5000 + ".txt", "/assets/missing-Ab12Cd34.js",
    ],
)  # fmt: skip
async def test_nothing_outside_the_folder_is_served(folder: Path, path: str) -> None:
    answer = await get(folder, path, {"accept": "*/*"})
    assert answer.status == 404
    assert b"secret" not in answer.body


async def test_a_missing_bundle_is_explained(tmp_path: Path) -> None:
    answer = await get(tmp_path / "none", "/", HTML)
    assert answer.status == 503
    assert b"make run" in answer.body


async def test_healthz_is_plain(folder: Path) -> None:
    answer = await get(folder, "/healthz")
    assert (answer.status, answer.body) == (200, b"ok\n")
