"""A driver of storage under test, and what it must refuse before any request is sent."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardpoint.storage.api import ObjectStore
from hardpoint.storage.driver import StorageCapability, StorageDriver
from hardpoint.sync.storage import ObjectStore as BlockingStore
from hardpoint.testing.conformance.modes import Mode, exercises
from hardpoint.testing.conformance.refusals import (
    PortRefusals,
    PortSubject,
    PortVerb,
    refused,
    unsupported,
)

_REFUSED: dict[StorageCapability, PortVerb] = {
    StorageCapability.SIGN_URL: lambda port: port.sign_url("a"),
    StorageCapability.SIGN_POST: lambda port: port.sign_post("a", size_max=1),
    StorageCapability.SIGN_CONTENT_TYPE: lambda port: port.sign_url(
        "a", method="PUT", content_type="text/plain"
    ),
    StorageCapability.SIGN_FILENAME: lambda port: port.sign_url("a", filename="a.txt"),
    StorageCapability.SIGN_CACHE_CONTROL: lambda port: port.sign_url("a", cache_control="no-store"),
}
_BAD_KEYS = (
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    "a/..",
    "a\nb",
    "a\0b",
    "a\x7f",
    "\ud800",
    "x" * 1025,
    "\u20ac" * 342,
)

_UNKNOWABLE = ("", "../a", "a/../b", "a/./b", "\ud800", "x" * 1025)
"""What no list shows, or what no address can hold."""


def _put(**options: Any) -> PortVerb:
    return lambda port: port.put("a", b"", **options)


_BAD: list[tuple[str, PortVerb]] = [
    *(("key", lambda port, key=key: port.put(key, b"")) for key in _BAD_KEYS),
    *(("key", lambda port, key=key: port.get(key)) for key in _UNKNOWABLE),
    *(("key", lambda port, key=key: port.head(key)) for key in _UNKNOWABLE),
    *(("key", lambda port, key=key: port.exists(key)) for key in _UNKNOWABLE),
    *(("key", lambda port, key=key: port.delete(key)) for key in _UNKNOWABLE),
    *(("target", lambda port, key=key: port.copy("a", key)) for key in _BAD_KEYS[:3]),
    ("key", lambda port: port.upload("../a", "/dev/null")),
    ("key", lambda port: port.download("../a", "anywhere")),
    ("source", lambda port: port.copy("../a", "b")),
    ("target", lambda port: port.copy("a", "b/../c")),
    ("target", lambda port: port.copy("a", "a")),
    *(
        ("content_type", _put(content_type=one))
        for one in ("", "text", "text/plain\r\nx: y", "text/", "a b/c", "text/plain; x")
    ),
    ("if_match", _put(if_match="a", if_absent=True)),
    ("if_match", _put(if_match="a\r\nx: y")),
    *(
        (f"metadata[{next(iter(one))!r}]", _put(metadata=one))
        for one in (
            {"A": "b"},
            {"": "b"},
            {"a b": "c"},
            {"a\n": "b"},
            {"hardpoint-write": "b"},
            {"a": " b"},
            {"a": 17},
            {"a": None},
            {"a": "b\r\nx-acl: public"},
            {"a": "Grüße"},
        )
    ),
    ("metadata", _put(metadata={"a": "b" * 2048})),
    ("source", lambda port: port.upload("a", "/nowhere/at/all")),
    ("source", lambda port: port.upload("a", "/dev/null")),
    ("source", lambda port: port.upload("a", "/")),
    ("source", lambda port: port.upload("a", "a\0b")),
    ("path", lambda port: port.download("a", "/nowhere/at/all")),
    ("path", lambda port: port.download("a", "/")),
]
_BAD_SIGNED: list[tuple[str, PortVerb]] = [
    ("key", lambda port: port.sign_url("../a")),
    ("expires", lambda port: port.sign_url("a", expires=0)),
    ("expires", lambda port: port.sign_url("a", expires=7 * 24 * 3600 + 1)),
    ("method", lambda port: port.sign_url("a", method="POST")),
]
_BAD_ANSWERS: list[tuple[StorageCapability, str, PortVerb]] = [
    (capability, field, lambda port, options=options: port.sign_url("a", **options))
    for capability, field, options in (
        (
            StorageCapability.SIGN_CONTENT_TYPE,
            "content_type",
            {"method": "PUT", "content_type": "text"},
        ),
        (StorageCapability.SIGN_CONTENT_TYPE, "content_type", {"content_type": "text/plain"}),
        (StorageCapability.SIGN_FILENAME, "filename", {"filename": ""}),
        (StorageCapability.SIGN_FILENAME, "filename", {"filename": ".."}),
        (StorageCapability.SIGN_FILENAME, "filename", {"filename": "a/b"}),
        (StorageCapability.SIGN_FILENAME, "filename", {"filename": "a\r\nx: y"}),
        (StorageCapability.SIGN_FILENAME, "filename", {"filename": "a" * 256}),
        (StorageCapability.SIGN_FILENAME, "filename", {"filename": "a", "method": "PUT"}),
        (StorageCapability.SIGN_CACHE_CONTROL, "cache_control", {"cache_control": ""}),
        (StorageCapability.SIGN_CACHE_CONTROL, "cache_control", {"cache_control": "a\r\nb: c"}),
        (
            StorageCapability.SIGN_CACHE_CONTROL,
            "cache_control",
            {"cache_control": "no-store", "method": "DELETE"},
        ),
    )
]
_BAD_POST: list[tuple[str, PortVerb]] = [
    ("key", lambda port: port.sign_post("../a", size_max=1)),
    ("expires", lambda port: port.sign_post("a", size_max=1, expires=7 * 24 * 3600 + 1)),
    ("size_min", lambda port: port.sign_post("a", size_min=2, size_max=1)),
    ("size_min", lambda port: port.sign_post("a", size_min=-1, size_max=1)),
    ("content_type", lambda port: port.sign_post("a", size_max=1, content_type="\n")),
]


class StorageSubject(PortSubject):
    """A driver under test, on an empty bucket.

    Args:
        mode: how it is used; closed with the subject.
        driver: on a transport or a shell of that mode.
        requests: how many requests reached the provider.
        folder: an empty one, for files of the test's own.
        unfinished: how many uploads are neither finished nor aborted.
        page: how many entries a page of its lists has.
    """

    def __init__(
        self,
        mode: Mode,
        driver: StorageDriver,
        *,
        requests: Callable[[], int],
        folder: Path,
        unfinished: Callable[[], int],
        page: int,
    ) -> None:
        super().__init__(mode, driver, ObjectStore, BlockingStore, name="files", requests=requests)
        self.folder = folder
        self.unfinished = unfinished
        self.page = page
        self.items = mode.items
        self.piece_bytes = driver.capabilities.limits["piece_bytes"]

    def put(self, key: str, data: bytes = b"hello", **options: Any) -> Any:
        """Store something."""
        return self.do(self.port.put(key, data, **options))

    def get(self, key: str) -> bytes:
        """What is stored."""
        return self.do(self.port.get(key)).data

    def keys(self, prefix: str = "") -> list[str]:
        """What is there."""
        return [one.key for one in self.items(self.port.list(prefix))]

    def file(self, data: bytes) -> Path:
        """A file of the test's own."""
        path = self.folder / "source.bin"
        path.write_bytes(data)
        return path


class StorageRefusals(PortRefusals):
    """What is refused before any request. A subclass gives the fixture `subject`."""

    @pytest.mark.parametrize("capability", list(StorageCapability))
    def test_what_is_not_declared_is_refused_before_any_request(
        self, subject: StorageSubject, capability: StorageCapability
    ) -> None:
        unsupported(subject, capability, _REFUSED[capability])

    @pytest.mark.parametrize(("field", "call"), _BAD)
    def test_bad_input_is_refused_before_any_request(
        self, subject: StorageSubject, field: str, call: PortVerb
    ) -> None:
        refused(subject, field, call)

    @exercises(StorageCapability.SIGN_URL)
    @pytest.mark.parametrize(("field", "call"), _BAD_SIGNED)
    def test_bad_urls_are_not_signed(
        self, subject: StorageSubject, field: str, call: PortVerb
    ) -> None:
        refused(subject, field, call)

    @pytest.mark.parametrize(("capability", "field", "call"), _BAD_ANSWERS)
    def test_bad_answers_are_not_signed(
        self, subject: StorageSubject, capability: StorageCapability, field: str, call: PortVerb
    ) -> None:
        if capability in subject.driver.capabilities.flags:
            refused(subject, field, call)

    @exercises(StorageCapability.SIGN_POST)
    @pytest.mark.parametrize(("field", "call"), _BAD_POST)
    def test_bad_forms_are_not_signed(
        self, subject: StorageSubject, field: str, call: PortVerb
    ) -> None:
        refused(subject, field, call)

    @pytest.mark.parametrize(
        "options", [{"prefix": "\ud800"}, {"prefix": "x" * 1025}, {"delimiter": ":"}]
    )
    def test_a_bad_list_is_refused_before_any_request(
        self, subject: StorageSubject, options: dict[str, Any]
    ) -> None:
        (field,) = options
        refused(subject, field, lambda port: subject.items(port.list(**options)), done=True)
