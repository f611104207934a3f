"""What the gRPC settings do in a running server: lengths, streams, pings. Their names and limits are unit tests."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc

from fireside.gen.v1 import model_service_pb2
from tests.server_process import server_process

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, GOAWAY = 4, 6, 7
MAX_CONCURRENT_STREAMS = 3


def frame(kind: int, flags: int = 0, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags, 0, 0, 0, 0)) + payload


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readexactly(9)
    return head[3], await reader.readexactly(int.from_bytes(head[:3], "big"))


async def test_pings_at_any_rate_are_answered_and_streams_are_announced(tmp_path: Path) -> None:
    with server_process(tmp_path, "--grpc-max-concurrent-streams", "123") as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        pings = 5000
        writer.write(PREFACE + frame(SETTINGS) + frame(PING, 0, b"12345678") * pings)
        answered, announced = 0, {}
        async with asyncio.timeout(30):
            while answered < pings:
                kind, payload = await read_frame(reader)
                assert kind != GOAWAY
                answered += kind == PING
                if kind == SETTINGS:
                    pairs = [payload[at : at + 6] for at in range(0, len(payload), 6)]
                    announced |= {int.from_bytes(pair[:2], "big"): int.from_bytes(pair[2:], "big") for pair in pairs}
        assert announced[MAX_CONCURRENT_STREAMS] == 123
        writer.close()


async def test_a_length_beyond_what_grpc_allows_is_told_in_one_line(tmp_path: Path) -> None:
    with server_process(tmp_path, "--grpc-max-message-length", "2147483648") as server:
        code, _, logged = server.end()
        assert code == 0
        (line,) = [line for line in logged.splitlines() if "grpc_" in line]
        assert line.partition(": ")[2] == (
            "grpc_max_message_length = 2147483648 (flag --grpc-max-message-length) is more than is possible: "
            "2147483647 is used."
        )


async def test_a_long_message_is_taken_where_it_may_be(tmp_path: Path) -> None:
    """5 MiB pass the size limit of the chat, and are then refused for what they are; lists never take so much."""
    body = b"\x12" + b"\x80\x80\xc0\x02" + bytes(5 * 1024 * 1024)  # field 2, whatever it is, with 5 MiB
    with server_process(tmp_path, "--grpc-max-message-length", "20000000") as server:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            codes = [await status(channel, path, body) for path in ("Chat", "Model")]
        assert codes == [grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED]
        server.end()


async def status(channel: grpc.aio.Channel, service: str, body: bytes) -> grpc.StatusCode:
    method = {"Chat": "ChatService/StopGeneration", "Model": "ModelService/ListModels"}[service]
    call = channel.unary_unary(f"/fireside.v1.{method}", response_deserializer=model_service_pb2.ListModelsResponse)
    try:
        await call(body, timeout=30)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK
