"""The HTTP of hosting, against servers that answer in all the ways there are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hosts import awaited

from recsys.local.sagemaker.hosting.connection import Connections, Gone

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@asynccontextmanager
async def answering(*answers: bytes, closes: bool = False) -> AsyncIterator[tuple[Connections, list[bytes]]]:
    """Connections to a server that answers its requests with `answers` in turn, and the requests it was sent."""
    left, seen, opened = list(answers), [], []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        while left and (request := await reader.read(1 << 16)):
            seen.append(request)
            writer.write(left.pop(0))
            if closes:
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    connections = Connections(server.sockets[0].getsockname()[1])
    connections.opened = opened
    try:
        yield connections, seen
    finally:
        connections.close()
        server.close()
        await asyncio.sleep(0.01)  # the server closes its ends


@awaited
async def test_a_request_goes_out_whole_and_its_connection_is_used_again() -> None:
    async with answering(PLAIN, PLAIN, PLAIN) as (connections, seen):
        for _ in range(2):
            answer = await connections.ask("POST", "/invocations", {"Accept": "text/csv"}, b"u1")
            assert (answer.status, answer.headers, answer.body) == (200, {"content-length": "2"}, b"hi")
        assert (
            seen[0]
            == b"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/csv\r\nContent-Length: 2\r\n\r\nu1"
        )
        assert len(connections.opened) == 1


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n4;x=y\r\n you\r\n0\r\nT: 1\r\n\r\n",
            b"hi you",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN, b"hi"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", b"no"),
    ],
)
@awaited
async def test_every_way_to_send_a_body_is_understood(raw: bytes, body: bytes) -> None:
    async with answering(raw) as (connections, _):
        assert (await connections.ask("GET", "/ping", {}, b"")).body == body


@awaited
async def test_an_answer_without_a_length_lasts_until_the_connection_ends() -> None:
    async with answering(b"HTTP/1.0 200 OK\r\n\r\nhi", PLAIN, closes=True) as (connections, _):
        for _ in range(2):
            assert (await connections.ask("GET", "/ping", {}, b"")).body == b"hi"


@awaited
async def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again() -> None:
    async with answering(PLAIN, PLAIN, closes=True) as (connections, _):
        for _ in range(2):
            assert (await connections.ask("GET", "/ping", {}, b"")).body == b"hi"
            await asyncio.sleep(0.01)
        assert len(connections.opened) == 2


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", b"nonsense\r\n\r\n"])
@awaited
async def test_half_an_answer_is_none(raw: bytes) -> None:
    async with answering(raw, closes=True) as (connections, _):
        with pytest.raises(Gone):
            await connections.ask("GET", "/ping", {}, b"")


@awaited
async def test_a_header_cannot_smuggle_another_in() -> None:
    async with answering(PLAIN) as (connections, seen):
        with pytest.raises(ValueError, match="end of a line"):
            await connections.ask("GET", "/ping", {"Accept": "a\r\nX: b"}, b"")
        assert seen == []
