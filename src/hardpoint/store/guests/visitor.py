"""Asking the owner of a store something from a process that wants to be neither owner nor guest."""

import os
import secrets
import socket
from pathlib import Path
from typing import Any, Final

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.guests.crew import Rank
from hardpoint.store.guests.frames import (
    VERSIONS,
    Frame,
    FrameError,
    FrameKind,
    FrameReader,
    Hello,
    pack,
    release,
    text_in,
)
from hardpoint.store.guests.lines import address_of, connect
from hardpoint.store.guests.requests import AskedOfServer, result_in, told_in

VISIT_SECONDS: Final = 2.0
_CHUNK: Final = 64 * 1024


def visit(database: Path, asked: AskedOfServer, *, seconds: float = VISIT_SECONDS) -> Any:
    """What the owner answers; None where nobody listens. It blocks, and opens nothing.

    Raises:
        StoreUnavailableError: somebody does, and does not answer, or not that.
    """
    try:
        sock = connect(address_of(database))
        if sock is None:
            return None
        with sock:
            sock.settimeout(seconds)
            return _answer(sock, asked)
    except OSError as error:  # a time-out too
        raise StoreUnavailableError(
            f"the process that owns {database} does not answer: {error}"
        ) from error


def _answer(sock: socket.socket, asked: AskedOfServer) -> Any:
    hello = Hello(VERSIONS, secrets.token_hex(8), os.getpid(), Rank.FRONT, release())
    sock.sendall(pack(FrameKind.HELLO, 0, hello) + pack(FrameKind.ASK, 1, asked))
    reader = FrameReader()
    try:
        while data := sock.recv(_CHUNK):
            for frame in reader.feed(data):
                if frame.kind is FrameKind.ANSWER:
                    return _told(frame, asked)
                if frame.kind is FrameKind.REFUSED:
                    raise StoreUnavailableError(text_in(frame.payload))
    except FrameError as error:
        raise StoreUnavailableError(f"its owner says what nobody understands: {error}") from error
    raise StoreUnavailableError("its owner ended just now")


def _told(frame: Frame, asked: AskedOfServer) -> Any:
    answer = told_in(frame.payload)
    if answer.error is not None:
        raise StoreUnavailableError(answer.error)
    return result_in(asked, answer)
