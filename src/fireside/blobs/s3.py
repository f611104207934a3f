"""Blobs in an S3-compatible store: parts of one size by multipart upload, and what is less than a part on this machine.

Where a blob is, the store says by its list of parts. If the staging folder is lost, the offset falls back to the last
part and the client sends the rest again. A blob that is sealed is never overwritten, whoever else seals it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fireside.blobs.base import READ_BYTES, Stat, no_blob, store_failed
from fireside.blobs.staging import Staged, Staging
from fireside.core.errors import FailedPreconditionError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
    from contextlib import AsyncExitStack
    from pathlib import Path

logger = logging.getLogger(__name__)

_MOST_PARTS = 10_000
_MOST_KNOWN = 1_000
_LOOK_SECONDS = 5.0
_GONE = frozenset(("404", "NoSuchKey", "NotFound", "NoSuchUpload"))
_TAKEN = frozenset(("412", "PreconditionFailed"))
_ONLY_NEW: Mapping[str, str] = {"IfNoneMatch": "*"}


@dataclass(frozen=True, slots=True)
class S3Options:
    """Where the store is. Without keys, AWS's variables, files and instance roles are asked."""

    bucket: str = ""
    prefix: str = ""
    endpoint: str = ""
    """Empty for Amazon's."""

    region: str = "us-east-1"
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    part_bytes: int = 8 * 1024 * 1024
    """At least 5 MiB."""


@dataclass(slots=True)
class _State:
    """How far a blob that is not sealed is. `etags` are those of its parts, `own` those that were put here."""

    staged: Staged
    etags: list[str]
    own: dict[int, str] = field(default_factory=dict[int, str])

    @property
    def size(self) -> int:
        return self.staged.base + self.staged.tail


async def open_s3(options: S3Options, staging: Path, stack: AsyncExitStack) -> S3Blobs:
    """Opens the store; `stack` closes it. FailedPreconditionError (EXTRA_MISSING): its library is not installed."""
    try:
        from aiobotocore.config import AioConfig  # pyright: ignore[reportMissingTypeStubs]
        from aiobotocore.session import (  # pyright: ignore[reportMissingTypeStubs]
            get_session,  # pyright: ignore[reportUnknownVariableType]
        )
        from botocore.exceptions import (  # pyright: ignore[reportMissingTypeStubs]
            BotoCoreError,
            ClientError,
        )
    except ImportError as error:
        raise FailedPreconditionError(
            "EXTRA_MISSING", "A blob store at s3:// needs the extra s3: pip install 'fireside[s3]'."
        ) from error
    config = AioConfig(
        connect_timeout=10, read_timeout=60, max_pool_connections=32, retries={"mode": "standard", "max_attempts": 4},
        # Stores that are not Amazon's do not all know its newer checksums, nor names of buckets as hosts.
        request_checksum_calculation="when_required", response_checksum_validation="when_required",
        s3={"addressing_style": "path" if options.endpoint else "auto"},
    )  # fmt: skip
    session: Any = get_session()
    client: Any = await stack.enter_async_context(
        session.create_client(
            "s3", region_name=options.region, endpoint_url=options.endpoint or None, config=config,
            aws_access_key_id=options.access_key or None, aws_secret_access_key=options.secret_key or None,
        )
    )  # fmt: skip
    errors = (ClientError, BotoCoreError, OSError, TimeoutError)
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            await client.head_bucket(Bucket=options.bucket)
    except errors as error:
        # It may be away for now: the rest of the server works without it.
        logger.warning("The bucket %s cannot be used, and files not until it can: %s", options.bucket, error)
    return S3Blobs(client, options, staging, errors)


class S3Blobs:
    """A BlobStore in a bucket. Other servers may use it too."""

    def __init__(self, client: Any, options: S3Options, staging: Path, errors: tuple[type[Exception], ...]) -> None:
        """`errors` are those of the client's library."""
        self.scratch = staging
        self.largest = _MOST_PARTS * options.part_bytes
        self._staging = Staging(staging)
        self._client = client
        self._bucket = options.bucket
        self._prefix = f"{options.prefix}/" if options.prefix else ""
        self._part_bytes = options.part_bytes
        self._errors = errors
        self._states: OrderedDict[str, _State] = OrderedDict()

    async def put_range(self, key: str, offset: int, data: Sequence[bytes], *, sync: bool = False) -> None:  # noqa: ARG002
        """See BlobStore. What is taken always survives a power cut."""
        state = self._states.get(key)
        if state is None or state.size != offset:
            state = await self._look(key)
            if isinstance(state, Stat):
                raise FailedPreconditionError("BLOB_SEALED", "This blob is whole already.")
            if (state.size if state else 0) != offset:
                raise no_blob(key)
            state = self._remember(key, state or _State(Staged(), []))
        length = sum(map(len, data))
        with self._telling("writing"):
            if not length:
                return
            if state.staged.tail + length < self._part_bytes:
                state.staged = await asyncio.to_thread(self._staging.add, key, state.staged, data)
            else:
                await self._put_parts(key, state, data)

    async def seal(self, key: str) -> bool:
        """See BlobStore."""
        state = await self._look(key)
        fresh = False
        if not isinstance(state, Stat):
            with self._telling("writing"):
                fresh = await self._complete_unless_gone(key, state or _State(Staged(), []))
        self._states.pop(key, None)
        with self._telling("writing"):
            await asyncio.to_thread(self._staging.clear, key)
            await self._abort_all(key)
        return fresh

    async def open(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes]:
        """See BlobStore."""
        span = {} if not start and end is None else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        with self._telling("reading", key):
            answer = await self._client.get_object(**self._named(key), **span)
        async with answer["Body"] as stream:
            while True:
                with self._telling("reading", key):
                    piece: bytes = await stream.read(READ_BYTES)
                if not piece:
                    return
                yield piece

    async def delete(self, key: str) -> None:
        """See BlobStore."""
        self._states.pop(key, None)
        with self._telling("deleting"):
            await self._client.delete_object(**self._named(key))
            await self._abort_all(key)
            await asyncio.to_thread(self._staging.clear, key)

    async def stat(self, key: str) -> Stat | None:
        """See BlobStore."""
        state = await self._look(key)
        if state is None or isinstance(state, Stat):
            self._states.pop(key, None)
            return state
        self._remember(key, state)
        return Stat(state.size, mark=state.staged.upload_id)

    async def _look(self, key: str) -> _State | Stat | None:
        """What the store says: of a blob that is sealed its Stat, of one that is not how far it is."""
        with self._telling("reading"):
            staged = await asyncio.to_thread(self._staging.read, key)
            upload_id = staged.upload_id if staged is not None else ""
            etags = await self._parts(key, upload_id) if upload_id else None
            if etags is None:
                # Not begun, or ended: by whoever sealed or deleted it.
                if (size := await self._sealed_size(key)) is not None:
                    return Stat(size, sealed=True)
                upload_id = await self._find_upload(key)
                etags = await self._parts(key, upload_id) if upload_id else []
        if etags is None:
            return None
        base = len(etags) * self._part_bytes
        fits = staged is not None and (staged.upload_id, staged.base) == (upload_id, base)
        if not fits and not upload_id:
            return None
        state = _State(staged if staged is not None and fits else Staged(upload_id, base), etags)
        known = self._states.get(key)
        if known is not None and known.staged.upload_id == upload_id:
            state.own = known.own
        return state

    async def _put_parts(self, key: str, state: _State, data: Sequence[bytes]) -> None:
        staged = state.staged
        if not staged.upload_id:
            made = await self._client.create_multipart_upload(**self._named(key))
            staged = staged._replace(upload_id=made["UploadId"])
        # Until it is done nobody shall go on from here by what is remembered.
        self._states.pop(key, None)
        pieces = [await asyncio.to_thread(self._staging.tail, key, staged.tail), *data]
        while (body := _take(pieces, self._part_bytes)) is not None:
            number = len(state.etags) + 1
            put = await self._client.upload_part(
                **self._named(key), UploadId=staged.upload_id, PartNumber=number, Body=body
            )
            state.etags.append(put["ETag"])
            state.own[number] = put["ETag"]
            staged = Staged(staged.upload_id, staged.base + len(body), 0)
        state.staged = await asyncio.to_thread(self._staging.add, key, staged, pieces)
        self._remember(key, state)

    async def _complete_unless_gone(self, key: str, state: _State) -> bool:
        try:
            return await self._complete(key, state)
        except self._errors as error:
            # Another server sealed it just now, and removed the parts that are not of its upload.
            if _code(error) not in _GONE or await self._sealed_size(key) is None:
                raise
        return False

    async def _complete(self, key: str, state: _State) -> bool:
        """Whether it is now what is known here to have been put."""
        staged = state.staged
        tail = await asyncio.to_thread(self._staging.tail, key, staged.tail)
        if not staged.upload_id:
            return await self._if_new(self._client.put_object, **self._named(key), Body=tail)
        named = {**self._named(key), "UploadId": staged.upload_id}
        if tail:
            number = len(state.etags) + 1
            put = await self._client.upload_part(**named, PartNumber=number, Body=tail)
            state.etags.append(put["ETag"])
            state.own[number] = put["ETag"]
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(state.etags, 1)]
        done = await self._if_new(self._client.complete_multipart_upload, **named, MultipartUpload={"Parts": parts})
        return done and state.own == dict(enumerate(state.etags, 1))

    async def _if_new(self, call: Any, **arguments: Any) -> bool:
        """Makes an object unless there is one; whether it did."""
        try:
            await call(**arguments, **_ONLY_NEW)
        except self._errors as error:
            code = _code(error)
            if code in _TAKEN:
                return False
            if code not in ("NotImplemented", "501"):
                raise
            await call(**arguments)
        return True

    async def _parts(self, key: str, upload_id: str) -> list[str] | None:
        """The ETags of the parts, of full size and without a gap; None: there is no such upload."""
        found: list[str] = []
        marker = 0
        while True:
            try:
                page = await self._client.list_parts(**self._named(key), UploadId=upload_id, PartNumberMarker=marker)
            except self._errors as error:
                if _code(error) in _GONE:
                    return None
                raise
            for part in page.get("Parts", ()):
                if (part["PartNumber"], part["Size"]) != (len(found) + 1, self._part_bytes):
                    # The last part of one that was to be sealed: it is put again.
                    return found
                found.append(part["ETag"])
            if not page.get("IsTruncated"):
                return found
            marker = int(page["NextPartNumberMarker"])

    async def _sealed_size(self, key: str) -> int | None:
        try:
            return int((await self._client.head_object(**self._named(key)))["ContentLength"])
        except self._errors as error:
            if _code(error) in _GONE:
                return None
            raise

    async def _uploads(self, key: str) -> list[str]:
        """The multipart uploads of a blob, the oldest first."""
        name = self._named(key)["Key"]
        page = await self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=name)
        found = [upload for upload in page.get("Uploads", ()) if upload["Key"] == name]
        return [upload["UploadId"] for upload in sorted(found, key=lambda upload: upload["Initiated"])]

    async def _find_upload(self, key: str) -> str:
        found = await self._uploads(key)
        return found[-1] if found else ""

    async def _abort_all(self, key: str) -> None:
        for upload_id in await self._uploads(key):
            try:
                await self._client.abort_multipart_upload(**self._named(key), UploadId=upload_id)
            except self._errors as error:
                if _code(error) not in _GONE:
                    raise

    def _named(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    def _remember(self, key: str, state: _State) -> _State:
        self._states[key] = state
        self._states.move_to_end(key)
        if len(self._states) > _MOST_KNOWN:
            self._states.popitem(last=False)
        return state

    @contextmanager
    def _telling(self, doing: str, key: str = "") -> Generator[None]:
        """Turns the library's errors into ours."""
        try:
            yield
        except self._errors as error:
            if key and _code(error) in _GONE:
                raise no_blob(key) from error
            raise store_failed(error, doing) from error


def _take(pieces: list[bytes], size: int) -> bytes | None:
    """Takes the first `size` bytes out of the pieces; None when there are fewer."""
    if sum(map(len, pieces)) < size:
        return None
    taken: list[bytes] = []
    missing = size
    while missing:
        piece = pieces.pop(0)
        if len(piece) > missing:
            pieces.insert(0, piece[missing:])
            piece = piece[:missing]
        taken.append(piece)
        missing -= len(piece)
    return b"".join(taken)


def _code(error: Exception) -> str:
    answer: Any = getattr(error, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))
