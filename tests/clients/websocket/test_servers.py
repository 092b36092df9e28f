"""Servers that others have written: `websockets` and `aiohttp`, and what is sent to harm."""

import asyncio
import contextlib
import struct
import tracemalloc
import zlib

import pytest
import websockets.asyncio.server
from aiohttp import WSMsgType, web
from tests.clients.websocket.conftest import SOON, Feed
from websockets.utils import accept_key

from hardpoint.clients import Follow, Gap
from hardpoint.core.errors import UnavailableError, UnexpectedResponseError
from hardpoint.resilience.retry import constant

MESSAGES = 300
DROP_EVERY = 37


@contextlib.asynccontextmanager
async def served_by_websockets():
    """Sends numbers from where it is told; resets now and then."""

    async def numbers(socket):
        begin = int(await socket.recv())
        for number in range(begin, MESSAGES):
            await socket.send(str(number))
            if number % DROP_EVERY == DROP_EVERY - 1 and number > begin:
                socket.transport.abort()
                return
        await socket.wait_closed()

    async with websockets.asyncio.server.serve(numbers, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def served_by_aiohttp():
    """The same by another implementation; it closes with 1012 now and then."""

    async def numbers(request):
        socket = web.WebSocketResponse(compress=True)
        await socket.prepare(request)
        begin = int((await socket.receive()).data)
        for number in range(begin, MESSAGES):
            await socket.send_str(str(number))
            if number % DROP_EVERY == DROP_EVERY - 1 and number > begin:
                await socket.close(code=1012, message=b"restart")
                return socket
        while (await socket.receive()).type is not WSMsgType.CLOSE:
            pass
        return socket

    app = web.Application()
    app.router.add_get("/", numbers)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield site._server.sockets[0].getsockname()[1]
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("served", [served_by_websockets, served_by_aiohttp])
def test_what_others_send_comes_once_each(served):
    async def begin(socket, since):
        await socket.send("0" if since is None else str(int(since) + 1))

    async def followed():
        found = []
        async with served() as port:
            feed = Feed(f"ws://127.0.0.1:{port}")
            async with feed.client().connect(on_open=begin, follow=SOON) as socket:
                async for message in socket:
                    found.append(message)
                    if not isinstance(message, Gap):
                        socket.ack(message)
                    if message == str(MESSAGES - 1):
                        break
                await socket.send("bye", confirm=True)
        return found

    found = asyncio.run(followed())
    assert [one for one in found if not isinstance(one, Gap)] == [
        str(number) for number in range(MESSAGES)
    ]
    assert not [one for one in found if isinstance(one, Gap)]


def frame(opcode, payload, *, compressed=False):
    head = bytes([0x80 | (0x40 if compressed else 0) | opcode])
    size = len(payload)
    if size < 126:
        return head + bytes([size]) + payload
    if size < 65536:
        return head + b"\x7e" + struct.pack("!H", size) + payload
    return head + b"\x7f" + struct.pack("!Q", size) + payload


@contextlib.asynccontextmanager
async def raw(play):
    """A server that shakes hands, then does whatever it wants."""

    async def talk(reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            key = next(
                line.split(b": ", 1)[1]
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"sec-websocket-key")
            )
            accept = accept_key(key.decode()).encode()
            await play(reader, writer, accept)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


HANDSHAKE = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-accept: %s\r\n%s\r\n"
)
DEFLATE = b"sec-websocket-extensions: permessage-deflate\r\n"


def follow(play, scenario, **options):
    async def followed():
        async with raw(play) as port, asyncio.timeout(60):
            feed = Feed(f"ws://127.0.0.1:{port}")
            async with feed.client().connect(**{"follow": SOON, **options}) as socket:
                return await scenario(socket)

    return asyncio.run(followed())


def test_a_bomb_is_not_unfolded():
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(1024 * 1024)
    bomb = b"".join(engine.compress(zeros) for _ in range(100)) + engine.flush(zlib.Z_SYNC_FLUSH)

    async def play(reader, writer, accept):
        writer.write(HANDSHAKE % (accept, DEFLATE) + frame(1, bomb[:-4], compressed=True))
        await writer.drain()
        await reader.read()

    async def one(socket):
        tracemalloc.start()
        try:
            await anext(socket)
        finally:
            peak.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()

    peak = []
    with pytest.raises(UnexpectedResponseError, match="closed with 1009"):
        follow(play, one)
    assert peak[0] < 32 * 1024 * 1024


def test_a_message_without_end_is_not_kept():
    async def play(reader, writer, accept):
        writer.write(HANDSHAKE % (accept, b"") + b"\x01\x7e\xff\xff" + b"x" * 65535)
        for _ in range(64):
            writer.write(b"\x00\x7e\xff\xff" + b"x" * 65535)
            await writer.drain()
        await reader.read()

    async def one(socket):
        await anext(socket)

    with pytest.raises(UnexpectedResponseError, match="closed with 1009"):
        follow(play, one)


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 101 Switching Prot", b"no HTTP at all\r\n\r\n"])
def test_one_that_accepts_and_drops_is_no_connection(before):
    async def play(reader, writer, accept):
        writer.write(before)

    async def nothing(socket):
        pass

    with pytest.raises(UnavailableError, match="no connection to"):
        follow(play, nothing)


def test_a_reset_between_the_handshake_and_the_first_message_is_a_loss():
    seen = []

    async def play(reader, writer, accept):
        seen.append(writer)
        writer.write(HANDSHAKE % (accept, b""))
        await writer.drain()
        if len(seen) == 1:
            writer.transport.abort()
            return
        writer.write(frame(1, b"x"))
        await reader.read(100)

    async def two(socket):
        return await anext(socket), await anext(socket)

    gap, message = follow(play, two)
    assert (type(gap), message) == (Gap, "x")


def test_a_slow_drip_is_a_message():
    async def play(reader, writer, accept):
        writer.write(HANDSHAKE % (accept, b""))
        for byte in frame(1, b"drip"):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.005)
        await reader.read(100)

    async def one(socket):
        return await anext(socket)

    assert follow(play, one) == "drip"


def test_a_peer_that_only_pings_is_silent():
    async def play(reader, writer, accept):
        writer.write(HANDSHAKE % (accept, b""))
        with contextlib.suppress(OSError):
            while True:
                writer.write(frame(9, b""))
                await writer.drain()
                await asyncio.sleep(0.01)

    async def one(socket):
        return await anext(socket)

    assert "silent for" in follow(play, one, follow=Follow(constant(1.0), idle=0.1)).reason


def test_under_tls_who_does_not_speak_it_is_no_connection():
    async def tried():
        async def plain(reader, writer):
            writer.write(b"hello\r\n")
            writer.close()

        server = await asyncio.start_server(plain, "127.0.0.1", 0)
        async with server:
            client = Feed(f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}").client()
            for _ in range(2):
                with pytest.raises(UnavailableError, match="no connection"):
                    await client.connect(follow=SOON).__aenter__()

    asyncio.run(asyncio.wait_for(tried(), 30))
