"""What reaches a fake vendor and what it answers; a fake is an `App` from one to the other."""

import re
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import msgspec

from hardpoint.fakes.ledger import Ledger

JSON = (("content-type", "application/json"),)
_BOUNDARY = re.compile(r'multipart/form-data;.*?boundary="?([^";]+)').match
_PART_NAME = re.compile(r'(?<![a-z])name="([^"]*)"').findall


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A request, whole. Header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path

    def query(self) -> list[tuple[str, str]]:
        """The query's names and values."""
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    def form(self) -> list[tuple[str, str]]:
        """The body's names and values."""
        return parse_qsl(self.body.decode(), keep_blank_values=True)

    def upload(self) -> tuple[dict[str, str], bytes | None]:
        """A form's fields, their names in small letters, and its file (RFC 7578).

        The file is the last part that counts; None where there is none.

        Raises:
            ValueError: it is no `multipart/form-data`.
        """
        fields: dict[str, str] = {}
        for head, content in self.parts():
            name = "".join(_PART_NAME(head))
            if name == "file":
                return fields, content
            fields[name.lower()] = content.decode()
        return fields, None

    def parts(self) -> list[tuple[str, bytes]]:
        """Head and content of each part of a form.

        Raises:
            ValueError: it is no `multipart/form-data`.
        """
        found = _BOUNDARY(self.headers.get("content-type", ""))
        if found is None:
            raise ValueError("no multipart/form-data")
        pieces = (b"\r\n" + self.body).split(b"\r\n--" + found[1].encode())[1:-1]
        split = [piece.removeprefix(b"\r\n").partition(b"\r\n\r\n") for piece in pieces]
        return [(head.decode(), content) for head, _, content in split]

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError, RecursionError: it is not.
        """
        return msgspec.json.decode(self.body)


class Pouring(Protocol):
    """What goes on after the head of an answer, for as long as somebody takes it."""

    def pour(self) -> AsyncGenerator[bytes]:
        """The pieces. What raises `ConnectionResetError` resets the connection."""
        ...


class FakeReply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer.

    Attributes:
        stream: what follows the head, in place of `body`, where the answer has no end yet.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    stream: Pouring | None = None

    @classmethod
    def json(cls, document: Any, status: int = 200, *headers: tuple[str, str]) -> "FakeReply":
        """An answer with a JSON body."""
        return cls(status=status, headers=(*JSON, *headers), body=msgspec.json.encode(document))


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """A request that came, and what became of it.

    Attributes:
        status: of the answer; None where none went out.
        fault: what went wrong on order.
    """

    method: str
    path: str
    status: int | None
    fault: str | None = None

    def __str__(self) -> str:
        """`POST /v1/things -> 503 (status)`."""
        why = f" ({self.fault})" if self.fault else ""
        return f"{self.method} {self.path} -> {self.status or 'no answer'}{why}"


class App(Protocol):
    """A fake vendor: state behind HTTP. It is called on one thread, one request at a time."""

    @property
    def name(self) -> str:
        """The provider it imitates."""
        ...

    @property
    def ledger(self) -> Ledger:
        """What it did."""
        ...

    def answer(self, request: Received) -> FakeReply:
        """Do what the request asks, or refuse."""
        ...
