"""What every driver of storage must do.

Inherit from `StorageConformance`, and say how the provider is reached:

    class TestMine(StorageConformance):
        @pytest.fixture(params=MODES)
        def subject(self, request, tmp_path):
            mode = MODES[request.param]()
            yield StorageSubject(mode, MyStorage(mode.transport(), settings), ...)
            mode.close()

Nothing here knows a provider; where they differ, the capabilities say so.
"""

import io
import os
from collections.abc import Mapping
from typing import Any

import pytest

from hardpoint.core.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PreconditionFailedError,
)
from hardpoint.storage.driver import StorageCapability
from hardpoint.storage.types import Prefix
from hardpoint.testing.conformance.modes import exercises
from hardpoint.testing.conformance.storage_subject import StorageRefusals, StorageSubject

__all__ = ["StorageConformance", "StorageSubject"]

_KEYS = (
    "a",
    "a b+c%20&d=e?f#g",
    "grüße/日本/\U0001f1ea.txt",
    "~tilde-_.'()*!;:@,$[]{}<>^`|\"\\",
    "..a/b..",
    "x" * 200 + "/" + "y" * 200,
)


class StorageConformance(StorageRefusals):
    """The suite. A subclass gives the fixture `subject`."""

    # Storing and reading

    @pytest.mark.parametrize("data", [b"", b"hello", bytes(range(256)), b"\r\n\0"])
    def test_bytes_come_back_as_they_were(self, subject: StorageSubject, data: bytes) -> None:
        stored = subject.put("a/b.bin", data)
        assert (stored.key, stored.size) == ("a/b.bin", len(data))
        found = subject.do(subject.port.get("a/b.bin"))
        assert (found.data, found.info.etag) == (data, stored.etag)

    @pytest.mark.parametrize("key", _KEYS)
    def test_a_key_is_taken_as_it_is(self, subject: StorageSubject, key: str) -> None:
        subject.put(key, key.encode())
        subject.put("other")
        assert subject.do(subject.port.exists(key))
        assert subject.get(key) == key.encode()
        assert subject.do(subject.port.head(key)).key == key
        assert sorted(subject.keys()) == sorted([key, "other"])
        subject.do(subject.port.copy(key, f"copies/{key}"))
        assert subject.get(f"copies/{key}") == key.encode()
        subject.do(subject.port.delete(key))
        assert not subject.do(subject.port.exists(key))

    @pytest.mark.parametrize(
        ("content_type", "metadata"),
        [
            ("application/octet-stream", {}),
            ("text/plain; charset=utf-8", {"order": "17", "a-b_c.d": 'x=1; "y" & z'}),
        ],
    )
    def test_content_type_and_metadata_come_back(
        self, subject: StorageSubject, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        subject.put("a", content_type=content_type, metadata=metadata)
        subject.do(subject.port.copy("a", "b"))
        for key in ("a", "b"):
            info = subject.do(subject.port.head(key))
            assert (info.content_type, info.metadata, info.size) == (content_type, metadata, 5)
            assert info.modified is not None
            assert info.modified > 1_600_000_000
            assert subject.do(subject.port.get(key)).info == info

    def test_metadata_may_have_nearly_two_kilobytes(self, subject: StorageSubject) -> None:
        metadata = {"a": "b" * 1900}
        subject.put("a", metadata=metadata, if_absent=True)
        assert subject.do(subject.port.head("a")).metadata == metadata

    def test_an_object_is_replaced_as_a_whole(self, subject: StorageSubject) -> None:
        first = subject.put("a", b"longer than the next", metadata={"old": "1"})
        second = subject.put("a", b"short", content_type="text/plain")
        info = subject.do(subject.port.head("a"))
        assert first.etag != second.etag == info.etag
        assert (info.size, info.content_type, info.metadata) == (5, "text/plain", {})
        assert subject.get("a") == b"short"

    def test_what_is_not_there_is_not_found(self, subject: StorageSubject) -> None:
        subject.put("a/b")
        for key in ("b", "a", "a/c"):
            assert not subject.do(subject.port.exists(key))
            for call in (subject.port.get, subject.port.head):
                with pytest.raises(NotFoundError):
                    subject.do(call(key))
        with pytest.raises(NotFoundError):
            subject.do(subject.port.copy("b", "c"))

    def test_deleting_is_done_when_there_is_none(self, subject: StorageSubject) -> None:
        subject.put("a/b")
        for _ in range(2):
            subject.do(subject.port.delete("a/b"))
            assert subject.keys() == []
        subject.do(subject.port.delete("never/there"))

    def test_an_object_too_large_for_memory_is_not_read_into_it(
        self, subject: StorageSubject
    ) -> None:
        subject.put("a", b"123456")
        with pytest.raises(InvalidRequestError, match="download"):
            subject.do(subject.port.get("a", bytes_max=5))
        assert subject.do(subject.port.get("a", bytes_max=6)).data == b"123456"

    # Conditions

    def test_there_is_one_first_write(self, subject: StorageSubject) -> None:
        subject.put("a", b"first", if_absent=True)
        for _ in range(2):
            with pytest.raises(AlreadyExistsError):
                subject.put("a", b"first", if_absent=True)
        assert subject.get("a") == b"first"
        assert subject.do(subject.port.head("a")).metadata == {}
        subject.do(subject.port.delete("a"))
        subject.put("a", b"again", if_absent=True)

    def test_a_version_is_replaced_once(self, subject: StorageSubject) -> None:
        first = subject.put("a", b"first")
        second = subject.put("a", b"second", if_match=first.etag)
        with pytest.raises(PreconditionFailedError):
            subject.put("a", b"third", if_match=first.etag)
        assert subject.get("a") == b"second"
        assert subject.do(subject.port.head("a")).etag == second.etag
        subject.do(subject.port.delete("a"))
        with pytest.raises(PreconditionFailedError):
            subject.put("a", b"fourth", if_match=second.etag)

    # Files

    def test_a_large_file_goes_in_pieces_and_comes_back(self, subject: StorageSubject) -> None:
        data = os.urandom(1024) * (2 * subject.piece_bytes // 1024) + b"end"
        source, target = subject.file(data), subject.folder / "target.bin"
        target.write_bytes(b"old")
        stored = subject.do(
            subject.port.upload("big", source, content_type="text/plain", metadata={"a": "b"})
        )
        info = subject.do(subject.port.download("big", target))
        assert (stored.size, info.size) == (len(data), len(data))
        assert (info.etag, info.content_type) == (stored.etag, "text/plain")
        assert info.metadata == stored.metadata == {"a": "b"}
        assert target.read_bytes() == data
        assert subject.get("big") == data
        assert sorted(subject.folder.iterdir()) == sorted([source, target])
        assert subject.unfinished() == 0

    def test_who_waits_is_told_how_far_it_has_come(self, subject: StorageSubject) -> None:
        size, up, down = subject.piece_bytes + 1, list[int](), list[int]()
        source = subject.file(bytes(size))
        subject.do(subject.port.upload("big", source, progress=up.append))
        target = subject.folder / "target.bin"
        subject.do(subject.port.download("big", target, progress=down.append))
        assert up == down == [subject.piece_bytes, size]
        small = subject.file(b"small")
        subject.do(subject.port.upload("small", small, progress=up.append))
        assert up[-1] == 5

    @pytest.mark.parametrize("more", [-1, 0, 1])
    def test_the_size_of_a_piece_is_no_seam(self, subject: StorageSubject, more: int) -> None:
        data = bytes(subject.piece_bytes + more)
        target = subject.folder / "target.bin"
        subject.do(subject.port.upload("a", subject.file(data)))
        assert subject.do(subject.port.download("a", target)).size == len(data)
        assert target.read_bytes() == data

    def test_an_empty_file_is_stored(self, subject: StorageSubject) -> None:
        target = subject.folder / "target.bin"
        subject.do(subject.port.upload("a", str(subject.file(b""))))
        assert subject.do(subject.port.download("a", str(target))).size == 0
        assert target.read_bytes() == b""

    def test_a_file_object_is_read_from_where_it_stands(self, subject: StorageSubject) -> None:
        file = io.BytesIO(b"headbody")
        file.seek(4)
        subject.do(subject.port.upload("a", file))
        assert subject.get("a") == b"body"
        assert not file.closed

    def test_a_file_object_must_give_bytes(self, subject: StorageSubject) -> None:
        with pytest.raises(InvalidRequestError) as caught:
            subject.do(subject.port.upload("a", io.StringIO("text")))
        assert caught.value.field == "source"
        assert subject.keys() == []

    @pytest.mark.parametrize("pieces", [0, 2])
    def test_a_file_that_changes_underway_is_not_stored(
        self, subject: StorageSubject, pieces: int
    ) -> None:
        path = subject.file(bytes(pieces * subject.piece_bytes + 1))
        subject.put("a", b"old")
        port = getattr(subject.port, "asynchronous", subject.port)
        real = port.connection.runtime.work
        reads = 0

        class Meddling:
            """Appends to the file while it is being read."""

            call = staticmethod(port.connection.runtime.call)

            async def work(self, function: Any) -> Any:
                nonlocal reads
                reads += 1
                if reads == 2:  # one piece was read
                    with path.open("ab") as file:
                        file.write(b"more")
                return await real(function)

        object.__setattr__(port.connection, "runtime", Meddling())
        with pytest.raises(ConflictError, match="changed while it was read"):
            subject.do(subject.port.upload("a", path))
        assert subject.get("a") == b"old"
        assert subject.unfinished() == 0

    def test_a_large_file_keeps_to_its_condition(self, subject: StorageSubject) -> None:
        path = subject.file(bytes(2 * subject.piece_bytes))
        first = subject.do(subject.port.upload("a", path, if_absent=True))
        with pytest.raises(AlreadyExistsError):
            subject.do(subject.port.upload("a", path, if_absent=True))
        assert subject.unfinished() == 0
        subject.do(subject.port.upload("a", path, if_match=first.etag))

    def test_a_download_that_fails_leaves_the_old_file_and_nothing_else(
        self, subject: StorageSubject
    ) -> None:
        target = subject.folder / "target.bin"
        target.write_bytes(b"old")
        with pytest.raises(NotFoundError):
            subject.do(subject.port.download("a", target))
        assert target.read_bytes() == b"old"
        assert list(subject.folder.iterdir()) == [target]

    # Lists

    def test_keys_are_listed_in_the_order_of_their_bytes(self, subject: StorageSubject) -> None:
        keys = ["a/b", "a/c", "a-b", "a.b", "b", "ba", "Z", "é", "a/b.c/d"]
        for key in keys:
            subject.put(key)
        assert subject.keys() == sorted(keys, key=str.encode)
        assert subject.keys("a/") == ["a/b", "a/b.c/d", "a/c"]
        assert subject.keys("a/b") == ["a/b", "a/b.c/d"]
        assert subject.keys("b") == ["b", "ba"]
        assert subject.keys("nothing") == []

    def test_a_list_tells_size_and_version(self, subject: StorageSubject) -> None:
        stored = subject.put("a", b"123")
        (listed,) = subject.items(subject.port.list())
        assert (listed.size, listed.etag) == (3, stored.etag)
        assert listed.modified == subject.do(subject.port.head("a")).modified

    def test_a_delimiter_makes_folders(self, subject: StorageSubject) -> None:
        for key in ("a/1", "a/2", "a/b/3", "a-", "c"):
            subject.put(key)

        def seen(prefix: str) -> list[str]:
            found = subject.items(subject.port.list(prefix, delimiter="/"))
            return [one.prefix if isinstance(one, Prefix) else one.key for one in found]

        assert seen("") == ["a-", "a/", "c"]
        assert seen("a") == ["a-", "a/"]
        assert seen("a/") == ["a/1", "a/2", "a/b/"]
        assert seen("a/b") == ["a/b/"]
        subject.do(subject.port.delete("a/b/3"))
        assert seen("a/") == ["a/1", "a/2"]

    def test_a_list_goes_over_many_pages(self, subject: StorageSubject) -> None:
        folders = 2 * subject.page + 1
        keys = [f"{number:03d}/{last}" for number in range(folders) for last in "ab"]
        for key in keys:
            subject.put(key, b"")
        assert subject.keys() == keys
        found = subject.items(subject.port.list(delimiter="/"))
        assert found == [Prefix(prefix=f"{number:03d}/") for number in range(folders)]

    # Signatures

    @exercises(StorageCapability.SIGN_URL)
    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
    def test_a_url_is_signed_for_an_object(self, subject: StorageSubject, method: str) -> None:
        url = subject.do(subject.port.sign_url("a b", method=method, expires=60))
        assert url.partition("?")[0].endswith("/a%20b")
        assert url != subject.do(subject.port.sign_url("a b", method=method, expires=61))

    @exercises(StorageCapability.SIGN_CONTENT_TYPE)
    def test_a_url_is_signed_for_a_content_type(self, subject: StorageSubject) -> None:
        sign = subject.port.sign_url
        free = subject.do(sign("a", method="PUT", expires=60))
        assert free != subject.do(sign("a", method="PUT", expires=60, content_type="text/plain"))

    @exercises(StorageCapability.SIGN_FILENAME)
    def test_a_url_is_signed_for_a_file_name(self, subject: StorageSubject) -> None:
        sign = subject.port.sign_url
        kept = subject.do(sign("a", filename="Füße 17.pdf", expires=60))
        assert "UTF-8%27%27F%25C3%25BC" in kept
        shown = subject.do(sign("a", filename="Füße 17.pdf", inline=True, expires=60))
        assert "attachment" in kept
        assert "inline" in shown

    @exercises(StorageCapability.SIGN_CACHE_CONTROL)
    def test_a_url_is_signed_for_a_cache(self, subject: StorageSubject) -> None:
        url = subject.do(subject.port.sign_url("a", cache_control="no-store", expires=60))
        assert "no-store" in url

    @exercises(StorageCapability.SIGN_POST)
    def test_a_form_is_signed_for_an_object(self, subject: StorageSubject) -> None:
        post = subject.do(subject.port.sign_post("a", size_max=9, content_type="text/plain"))
        free = subject.do(subject.port.sign_post("a", size_max=9))
        assert post.fields["key"] == free.fields["key"] == "a"
        assert "Content-Type" not in free.fields
        assert post.fields["Content-Type"] == "text/plain"
        assert all(value not in repr(post) for value in post.fields.values() if len(value) > 10)
