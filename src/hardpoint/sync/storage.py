"""The blocking facade of `hardpoint.storage`; written by scripts/generate_sync."""

from collections.abc import Iterator, Mapping
from hardpoint.runtime.blocking import iterate, run
from hardpoint.storage.api import GET_BYTES_MAX, _EMPTY
from hardpoint.storage.types import BYTES, ObjectInfo, Prefix, SignedPost, StoredObject
from hardpoint.storage.writing import Progress, unheard
from os import PathLike
from typing import IO, Literal
import hardpoint.storage.api as asynchronous

class ObjectStore:
    """Keeps objects through one connection: bytes under a key.

    A key that is written has to mean the same everywhere (`hardpoint.storage.keys`). One that a
    list shows is taken as it is by whatever reads, copies or deletes: others may have written it.

    Args:
        driver: the provider's.
        connection: its name, policy and runtime.

    Raises (every verb):
        InvalidRequestError: an argument is wrong (`field` says which; without `status` nothing was
            sent), or the provider says so.
        UnsupportedError: the provider cannot do that; nothing was sent.
        NotFoundError: there is no such object (or bucket).
        OutcomeUnknownError: it may have taken effect. Look with `head`, or do it again: only a
            write with `if_absent` or `if_match` is not the same twice.
        ProviderError, RejectedError, TimedOutError: see `hardpoint.core.errors`.
    """

    def __init__(self, wrapped: asynchronous.ObjectStore) -> None:
        self.asynchronous = wrapped

    def put(self, key: str, data: bytes | bytearray | memoryview, *, content_type: str=BYTES, metadata: Mapping[str, str]=_EMPTY, if_absent: bool=False, if_match: str | None=None) -> ObjectInfo:
        """Store bytes under a key, whole or not at all.

        Args:
            key: segments between `/`; see `hardpoint.storage.keys`.
            data: the bytes; `upload` takes a file.
            content_type: comes back with the object, and is what a browser is told.
            metadata: yours, up to 2 KB; names in small letters, values printable ASCII.
            if_absent: only where there is none. A repeat of this call's own does not trip over what
                an earlier attempt has stored.
            if_match: only in place of the version with this `etag`.

        Raises:
            AlreadyExistsError: there is one, and `if_absent`.
            PreconditionFailedError: it is another version than `if_match`.
        """
        return run(self.asynchronous.put(key, data, content_type=content_type, metadata=metadata, if_absent=if_absent, if_match=if_match))

    def upload(self, key: str, source: str | PathLike[str] | IO[bytes], *, content_type: str=BYTES, metadata: Mapping[str, str]=_EMPTY, if_absent: bool=False, if_match: str | None=None, progress: Progress=unheard) -> ObjectInfo:
        """Store a file, whole or not at all, holding no more than two pieces of it in memory.

        Each piece is a call of its own under the policy. A large file whose upload fails leaves
        nothing that can be seen; where the process dies, its pieces stay until the provider clears
        away unfinished uploads.

        Args:
            key: see `put`.
            source: a path to a regular file, or a file object that gives bytes.
            content_type: see `put`.
            metadata: see `put`.
            if_absent: see `put`.
            if_match: see `put`.
            progress: told after each piece how many bytes the provider has by then.

        Raises:
            InvalidRequestError: the file cannot be read (`source`).
            ConflictError: it changed while it was read; nothing was stored.
            AlreadyExistsError, PreconditionFailedError: see `put`.
        """
        return run(self.asynchronous.upload(key, source, content_type=content_type, metadata=metadata, if_absent=if_absent, if_match=if_match, progress=progress))

    def get(self, key: str, *, bytes_max: int=GET_BYTES_MAX) -> StoredObject:
        """Read an object into memory.

        Raises:
            InvalidRequestError: it is larger than `bytes_max`; `download` it.
            PreconditionFailedError: it was replaced while it was read.
        """
        return run(self.asynchronous.get(key, bytes_max=bytes_max))

    def download(self, key: str, path: str | PathLike[str], *, progress: Progress=unheard) -> ObjectInfo:
        """Read an object into a file as it comes, holding no more than a few bytes of it in memory.

        Each piece is a call of its own under the policy, of as many bytes as the provider's driver
        says; one that fails is asked for again.

        The file is written beside its place and renamed when it is whole and on the disk; if that
        fails, nothing is left and an older file stays as it was. `progress` is told after each
        piece how many bytes are there by then.

        Raises:
            InvalidRequestError: nothing can be written there (`path`).
            PreconditionFailedError: it was replaced while it was read.
        """
        return run(self.asynchronous.download(key, path, progress=progress))

    def head(self, key: str) -> ObjectInfo:
        """What is known of an object, without its bytes."""
        return run(self.asynchronous.head(key))

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        return run(self.asynchronous.exists(key))

    def list(self, prefix: str='', *, delimiter: Literal['/'] | None=None) -> Iterator[ObjectInfo | Prefix]:
        """What starts with a prefix, in the order of the keys' bytes; page by page.

        Args:
            prefix: the beginning of keys, `invoices/2026/`.
            delimiter: with `/`, what lies deeper is told as one `Prefix` each, like a folder.
        """
        return iterate(self.asynchronous.list(prefix, delimiter=delimiter))

    def delete(self, key: str) -> None:
        """See that there is no such object; it need not have been there."""
        return run(self.asynchronous.delete(key))

    def copy(self, source: str, target: str) -> None:
        """Store an object under another key too, in place of what is there.

        It is done at the provider; content type and metadata go along.
        """
        return run(self.asynchronous.copy(source, target))

    def sign_url(self, key: str, *, method: Literal['GET', 'HEAD', 'PUT', 'DELETE']='GET', expires: int=3600, content_type: str | None=None, filename: str | None=None, inline: bool=False, cache_control: str | None=None) -> str:
        """A URL by which anyone may do one thing to one object for a while; treat it as a secret.

        Args:
            key: which object.
            method: what they may do.
            expires: seconds, at most 7 days.
            content_type: for `PUT`: what they must send as `content-type`.
            filename: for `GET`: the name by which a browser keeps it, `Rechnung 17.pdf`.
            inline: whether a browser shows it rather than keep it, where there is a `filename`.
            cache_control: for `GET`: the answer's `Cache-Control`, `private, max-age=60`.
        """
        return run(self.asynchronous.sign_url(key, method=method, expires=expires, content_type=content_type, filename=filename, inline=inline, cache_control=cache_control))

    def sign_post(self, key: str, *, size_max: int, size_min: int=0, expires: int=3600, content_type: str | None=None) -> SignedPost:
        """A form by which a browser may store one object; unlike a signed URL it bounds the size.

        Args:
            key: which object.
            size_max: bytes at most.
            size_min: bytes at least.
            expires: seconds, at most 7 days.
            content_type: the one it is stored with.
        """
        return run(self.asynchronous.sign_post(key, size_max=size_max, size_min=size_min, expires=expires, content_type=content_type))
