"""The objects and uploads of a bucket that behaves as documented, without HTTP."""

import hashlib
from collections.abc import Callable, Mapping
from typing import final

import msgspec

from hardpoint.fakes.ledger import Ledger

_PART_BYTES_MIN = 5 * 1024 * 1024


class BucketRefusedError(Exception):
    """S3 says no."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


class HeldObject(msgspec.Struct, frozen=True, kw_only=True):
    """An object."""

    data: bytes
    content_type: str
    metadata: Mapping[str, str]
    content_encoding: str | None = None
    modified: float = 0.0

    @property
    def etag(self) -> str:
        """Opaque."""
        return f'"{hashlib.sha256(self.data).hexdigest()[:32]}"'


class _Upload(msgspec.Struct):
    held: HeldObject
    parts: dict[int, bytes]


@final
class Bucket:
    """Objects by key, and uploads by id."""

    def __init__(self, ledger: Ledger, now: Callable[[], float]) -> None:
        self._ledger = ledger
        self._now = now
        self._objects: dict[str, HeldObject] = {}
        self._uploads: dict[str, _Upload] = {}
        self._begun = 0

    @property
    def uploads(self) -> tuple[str, ...]:
        """Those that are neither completed nor aborted."""
        return tuple(self._uploads)

    def held(self, key: str) -> HeldObject:
        """An object."""
        if key not in self._objects:
            raise BucketRefusedError("NoSuchKey", 404)
        return self._objects[key]

    def starting(self, prefix: str, delimiter: str | None) -> dict[str, HeldObject | None]:
        """Those whose keys start so, in order; None for what they have in common."""
        found: dict[str, HeldObject | None] = {}
        for key in sorted(self._objects, key=str.encode):
            if not key.startswith(prefix):
                continue
            rest = key[len(prefix) :]
            if delimiter is not None and delimiter in rest:
                found[prefix + rest.partition(delimiter)[0] + delimiter] = None
            else:
                found[key] = self._objects[key]
        return found

    def store(self, key: str, held: HeldObject, conditions: Mapping[str, str]) -> str:
        """Put it under the key; its etag."""
        known = self._objects.get(key)
        if conditions.get("if-none-match") == "*" and known is not None:
            raise BucketRefusedError("PreconditionFailed", 412)
        wanted = conditions.get("if-match")
        if wanted is not None and known is None:
            raise BucketRefusedError("NoSuchKey", 404)
        if wanted is not None and known is not None and known.etag != wanted:
            raise BucketRefusedError("PreconditionFailed", 412)
        if known is None or (known.data, known.metadata) != (held.data, held.metadata):
            self._ledger.record("object", key=key, size=len(held.data))
        self._objects[key] = msgspec.structs.replace(held, modified=self._now())
        return held.etag

    def delete(self, key: str) -> None:
        """See that there is none."""
        self._objects.pop(key, None)

    def begin(self, held: HeldObject) -> str:
        """An upload's id."""
        self._begun += 1
        upload = f"upload-{self._begun}"
        self._uploads[upload] = _Upload(held, {})
        return upload

    def take_part(self, upload: str, number: int, data: bytes) -> str:
        """A part's etag."""
        self._upload(upload).parts[number] = data
        return _etag(data)

    def complete(
        self, key: str, upload: str, parts: Mapping[int, str], conditions: Mapping[str, str]
    ) -> str:
        """Put the parts together; the object's etag."""
        found = self._upload(upload)
        if list(parts) != sorted(parts):
            raise BucketRefusedError("InvalidPartOrder", 400)
        if any(_etag(found.parts.get(number, b"")) != etag for number, etag in parts.items()):
            raise BucketRefusedError("InvalidPart", 400)
        chosen = [found.parts[number] for number in parts]
        if any(len(one) < _PART_BYTES_MIN for one in chosen[:-1]):
            raise BucketRefusedError("EntityTooSmall", 400)
        held = msgspec.structs.replace(found.held, data=b"".join(chosen))
        etag = self.store(key, held, conditions)
        del self._uploads[upload]
        return etag

    def abort(self, upload: str) -> None:
        """Forget the parts."""
        self._upload(upload)
        del self._uploads[upload]

    def _upload(self, upload: str) -> _Upload:
        if upload not in self._uploads:
            raise BucketRefusedError("NoSuchUpload", 404)
        return self._uploads[upload]


def _etag(data: bytes) -> str:
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'
