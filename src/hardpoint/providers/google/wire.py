"""The JSON and the headers of Cloud Storage, as the port's values.

A version is its generation: conditions are on it, and so it is what the port calls an etag.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from hardpoint.core.errors import InvalidRequestError
from hardpoint.http.errors import Problem
from hardpoint.http.messages import Response
from hardpoint.storage.types import NewObject, ObjectInfo, ObjectPage, Prefix


class StoredFacts(msgspec.Struct, rename="camel"):
    """What is known of an object."""

    name: str
    generation: str
    size: str
    updated: datetime
    content_type: str | None = None
    metadata: dict[str, str] = {}
    md5_hash: str | None = None

    def info(self) -> ObjectInfo:
        """As the port has it."""
        return ObjectInfo(
            key=self.name,
            size=int(self.size),
            etag=self.generation,
            modified=self.updated.timestamp(),
            content_type=self.content_type,
            metadata=self.metadata,
        )

    def entry(self) -> ObjectInfo:
        """As the port has it in a list."""
        return msgspec.structs.replace(self.info(), content_type=None, metadata={})


class Listed(msgspec.Struct, rename="camel"):
    """A page of a list."""

    items: list[StoredFacts] = []
    prefixes: list[str] = []
    next_page_token: str | None = None

    def page(self) -> ObjectPage:
        """As the port has it, objects and prefixes in one order."""
        entries: list[ObjectInfo | Prefix] = [one.entry() for one in self.items]
        entries += [Prefix(prefix=one) for one in self.prefixes]
        entries.sort(key=lambda one: (one.prefix if isinstance(one, Prefix) else one.key).encode())
        return ObjectPage(entries=tuple(entries), cursor=self.next_page_token)


class Rewritten(msgspec.Struct, rename="camel"):
    """How far a copy has come."""

    done: bool
    rewrite_token: str | None = None


class SignedBlob(msgspec.Struct, rename="camel"):
    """What a service account has signed elsewhere."""

    signed_blob: str


class _Reason(msgspec.Struct):
    reason: str | None = None


class _Told(msgspec.Struct):
    message: str = ""
    errors: list[_Reason] = []
    status: str | None = None


class Refusal(msgspec.Struct):
    """The body of a refusal."""

    error: _Told | str = ""

    def problem(self, reply: Response) -> Problem:
        """What it says."""
        if isinstance(self.error, str):
            return Problem(status=reply.status, message=self.error)
        reasons = [one.reason for one in self.error.errors if one.reason]
        code = reasons[0] if reasons else self.error.status
        return Problem(status=reply.status, code=code, message=self.error.message)


def described(new: NewObject, **more: Any) -> dict[str, Any]:
    """What is to be known of a new object."""
    document = {"name": new.key, "contentType": new.content_type, **more}
    return document if not new.metadata else {**document, "metadata": dict(new.metadata)}


def condition(new: NewObject) -> list[tuple[str, str]]:
    """The parameters of a write that has a condition.

    Raises:
        InvalidRequestError: it names a version of another provider's.
    """
    if new.if_absent:
        return [("ifGenerationMatch", "0")]
    return [] if new.if_match is None else [("ifGenerationMatch", generation(new.if_match))]


def generation(etag: str) -> str:
    """A version.

    Raises:
        InvalidRequestError: it is another provider's.
    """
    if not etag.isdecimal() or not etag.isascii() or etag == "0":
        raise InvalidRequestError("is not the etag of an object here", field="if_match")
    return etag


def piece_info(key: str, headers: Mapping[str, str]) -> ObjectInfo:
    """What the answer to a read of some bytes says of the whole.

    Raises:
        ValueError: nothing that we know.
    """
    return ObjectInfo(
        key=key,
        size=int(headers.get("content-range", "").rpartition("/")[2]),
        etag=generation(headers.get("x-goog-generation", "")),
    )
