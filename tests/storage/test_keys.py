"""Keys, prefixes and metadata that mean the same at every provider."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import InvalidRequestError
from hardpoint.providers.filesystem.folder import Folder
from hardpoint.storage.keys import (
    KEY_BYTES_MAX,
    checked_content_type,
    checked_key,
    checked_metadata,
    checked_prefix,
)
from hardpoint.storage.types import NewObject

anything = st.text(st.characters() | st.sampled_from("/.\0\n"), max_size=40)


def refusal(check, value):
    try:
        check(value)
    except InvalidRequestError as error:
        return error
    return None


@given(anything)
def test_a_key_is_taken_whole_or_refused_by_its_field(text):
    error = refusal(checked_key, text)
    if error is not None:
        assert (error.field, error.status) == ("key", None)
    else:
        assert checked_key(text) == text
        assert 0 < len(text.encode()) <= KEY_BYTES_MAX
        assert not {"", ".", ".."} & set(text.split("/"))
        assert all(one.isprintable() or ord(one) > 126 for one in text)


@given(anything)
def test_the_beginning_of_a_key_is_a_prefix(text):
    if refusal(checked_key, text) is not None:
        return
    for length in range(len(text)):
        beginning = text[:length]
        last = beginning.rpartition("/")[2]
        if last not in {".", ".."}:
            assert checked_prefix(beginning) == beginning


@pytest.mark.parametrize("prefix", ["\ud800", "x" * 1025])
def test_what_no_key_begins_with_is_no_prefix(prefix):
    with pytest.raises(InvalidRequestError) as caught:
        checked_prefix(prefix)
    assert caught.value.field == "prefix"


@given(anything)
def test_no_key_leads_out_of_a_folder(tmp_path_factory, text):
    if refusal(checked_key, text) is not None:
        return
    base = tmp_path_factory.mktemp("base")
    root = base / "root"
    root.mkdir()
    if text.split("/")[0] == ".hardpoint":
        return
    Folder(root).put(NewObject(key=text, content_type="text/plain"), "part", b"x")
    assert [one.name for one in base.iterdir()] == ["root"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "text/plain; charset=utf-8", 'multipart/form-data; boundary="a b"', "a/b+c;d=e"],
)
def test_media_types_are_taken(content_type):
    assert checked_content_type(content_type) == content_type


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4))
def test_metadata_never_break_a_header(metadata):
    error = refusal(checked_metadata, metadata)
    if error is not None:
        assert (error.field or "").startswith("metadata")
    else:
        taken = checked_metadata(metadata)
        assert taken == metadata
        for text in (*taken, *taken.values()):
            assert text.isascii()
            assert text.isprintable()
            assert text == text.strip()
        assert all(taken)
