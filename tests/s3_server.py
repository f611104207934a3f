"""A server of S3's protocol in a thread, over real HTTP, with a bucket in it. What it keeps goes with it.

It serves one request after the other: what S3 does in one step (making an object unless there is one) is one here too.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "files"


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the name is theirs
        """Says nothing."""


@dataclass(frozen=True, slots=True)
class S3Server:
    """A server that answers at `url`."""

    url: str

    def settings(self, prefix: str = "") -> dict[str, str]:
        """The settings of a Fireside that keeps its blobs here."""
        return {
            "blob_store": f"s3://{BUCKET}/{prefix}", "s3_endpoint": self.url, "s3_access_key": "key",
            "s3_secret_key": "secret",
        }  # fmt: skip


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Starts one."""
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=False, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, name="s3")
    thread.start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("PUT", f"/{BUCKET}")
        assert connection.getresponse().status == 200
        connection.close()
        yield S3Server(f"http://127.0.0.1:{server.port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
