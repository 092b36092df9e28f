"""The objects and uploads of a bucket that behaves as documented, without HTTP."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, final

import msgspec

from hardpoint.fakes.ledger import Ledger
from hardpoint.storage.types import ObjectInfo

UNIT_BYTES = 256 * 1024


class BlobRefusedError(Exception):
    """Cloud Storage says no."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class StoredBlob(msgspec.Struct, frozen=True, kw_only=True):
    """An object."""

    info: ObjectInfo
    data: bytes
    encoding: str | None = None


class _Session(msgspec.Struct):
    document: Mapping[str, Any]
    condition: str | None
    data: bytearray
    stored: StoredBlob | None = None


@final
class FakeBucket:
    """Objects by name, and uploads by id."""

    def __init__(self, ledger: Ledger, now: Callable[[], float]) -> None:
        self._ledger = ledger
        self._now = now
        self._objects: dict[str, StoredBlob] = {}
        self._sessions: dict[str, _Session] = {}
        self._count = 1_000_000

    @property
    def uploads(self) -> tuple[str, ...]:
        """Those that are neither finished nor aborted."""
        return tuple(name for name, one in self._sessions.items() if one.stored is None)

    def held(self, name: str, condition: str | None = None) -> StoredBlob:
        """An object, of that generation if one is asked for."""
        found = self._objects.get(name)
        if found is None:
            raise BlobRefusedError("notFound", 404)
        if condition not in {None, found.info.etag}:
            raise BlobRefusedError("conditionNotMet", 412)
        return found

    def starting(self, prefix: str, delimiter: str | None) -> dict[str, StoredBlob | None]:
        """Those whose names start so, in order; None for what they have in common."""
        found: dict[str, StoredBlob | None] = {}
        for name in sorted(self._objects, key=str.encode):
            if name.startswith(prefix):
                rest = name[len(prefix) :]
                if delimiter is not None and delimiter in rest:
                    found[prefix + rest.partition(delimiter)[0] + delimiter] = None
                else:
                    found[name] = self._objects[name]
        return found

    def store(self, document: Mapping[str, Any], data: bytes, condition: str | None) -> StoredBlob:
        """Put it under its name."""
        self._check(document["name"], condition)
        if document.get("md5Hash") not in {None, digest(data)}:
            raise BlobRefusedError("invalid", 400)
        known = self._objects.get(document["name"])
        self._count += 1
        info = ObjectInfo(
            key=document["name"],
            size=len(data),
            etag=str(self._count),
            modified=self._now(),
            content_type=document.get("contentType"),
            metadata=document.get("metadata", {}),
        )
        if known is None or (known.data, known.info.metadata) != (data, info.metadata):
            self._ledger.record("object", key=info.key, size=len(data))
        blob = StoredBlob(info=info, data=data, encoding=document.get("contentEncoding"))
        self._objects[info.key] = blob
        return blob

    def delete(self, name: str) -> None:
        """See that there is none."""
        self.held(name)
        del self._objects[name]

    def begin(self, document: Mapping[str, Any], condition: str | None) -> str:
        """An upload's id."""
        self._check(document["name"], condition)
        self._count += 1
        upload = f"upload-{self._count}"
        self._sessions[upload] = _Session(document, condition, bytearray())
        return upload

    def take(
        self,
        upload: str,
        first: int | None,
        data: bytes,
        total: int | None,
        said: str | None = None,
    ) -> StoredBlob | int:
        """Keep bytes; the object if they were the last ones, else how many are there.

        `said` is the hash of all of them, which goes along with the last ones.
        """
        session = self._session(upload)
        if session.stored is not None:
            return session.stored
        begun = len(session.data) if first is None else first
        last = begun + len(data) == total
        if begun > len(session.data) or (not last and len(data) % UNIT_BYTES):
            raise BlobRefusedError("invalid", 400)
        session.data[begun : begun + len(data)] = data
        if not last:
            return len(session.data)
        hashed = f"md5={digest(bytes(session.data))}"
        if said is not None and said.startswith("md5=") and said != hashed:
            raise BlobRefusedError("invalid", 400)
        session.stored = self.store(session.document, bytes(session.data), session.condition)
        return session.stored

    def abort(self, upload: str) -> None:
        """Forget the bytes."""
        self._session(upload)
        del self._sessions[upload]

    def _session(self, upload: str) -> _Session:
        if upload not in self._sessions:
            raise BlobRefusedError("notFound", 404)
        return self._sessions[upload]

    def _check(self, name: str, condition: str | None) -> None:
        known = self._objects.get(name)
        current = "0" if known is None else known.info.etag
        if condition not in {None, current}:
            raise BlobRefusedError("conditionNotMet", 412)


def digest(data: bytes) -> str:
    """By which both sides notice damage on the way."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode("ascii")
