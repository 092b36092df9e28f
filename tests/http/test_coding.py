"""Compressed answers: what they unfold to, and what is refused before it fills the memory."""

import asyncio
import contextlib
import gzip
import os
import tracemalloc
import zlib

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import UnexpectedResponseError
from hardpoint.http.coding import (
    RATIO_FROM_BYTES,
    Unfolding,
    accepted,
    bounded_brotli,
    unfold,
    unfolded,
)

MOST = 8 * 1024 * 1024
TEXT = b"a sentence that repeats itself; " * 100


def zipped(data, level=9):
    return gzip.compress(data, level, mtime=0)  # or a test would have another name each time


def bare(data):
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return engine.compress(data) + engine.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", zipped(TEXT)),
        ("x-gzip", zipped(TEXT)),
        (" GZIP ", zipped(TEXT)),
        ("gzip", zipped(TEXT[:500]) + zipped(TEXT[500:])),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", bare(TEXT)),
        ("br", brotli.compress(TEXT)),
        ("identity", TEXT),
        ("", TEXT),
    ],
)
def test_a_body_is_unfolded(encoding, body):
    assert unfolded(body, encoding, bytes_max=MOST) == TEXT


def test_no_body_is_none_however_it_is_encoded():
    assert unfolded(b"", "gzip", bytes_max=MOST) == b""


@pytest.mark.parametrize(
    ("encoding", "body", "words"),
    [
        ("zstd", b"\x28\xb5\x2f\xfd", "encoded as 'zstd'"),
        ("br", brotli.compress(TEXT)[:-1], "cut off"),
        ("br", brotli.compress(TEXT) + b"more", "not compressed as it says"),
        ("br", TEXT, "not compressed as it says"),
        ("gzip, gzip", zipped(zipped(TEXT)), "encoded as 'gzip, gzip'"),
        ("gzip", TEXT, "not compressed as it says"),
        ("gzip", zipped(TEXT)[:-1], "cut off"),
        ("gzip", zipped(TEXT)[:5], "cut off"),
        ("gzip", zipped(TEXT) + b"more", "not compressed as it says"),
        ("deflate", zlib.compress(TEXT) + b"more", "something follows"),
        ("deflate", zlib.compress(TEXT)[:-1], "cut off"),
    ],
)
def test_what_cannot_be_unfolded_is_refused(encoding, body, words):
    with pytest.raises(UnexpectedResponseError, match=words):
        unfolded(body, encoding, bytes_max=MOST)


def test_what_unfolds_to_more_than_its_cap_is_refused():
    with pytest.raises(UnexpectedResponseError, match="more than 1000 bytes"):
        unfolded(zipped(TEXT), "gzip", bytes_max=1000)


@pytest.mark.parametrize(
    ("encoding", "fold"),
    [
        ("gzip", lambda zeros: gzip.compress(zeros, 9)),
        ("deflate", lambda zeros: zlib.compress(zeros, 9)),
        ("br", lambda zeros: brotli.compress(zeros, quality=1)),
    ],
)
def test_a_bomb_is_refused_before_it_fills_the_memory(encoding, fold):
    bomb = fold(b"\0" * (100 * 1024 * 1024))
    tracemalloc.start()
    try:
        with pytest.raises(UnexpectedResponseError, match="more than it can be meant to"):
            unfolded(bomb, encoding, bytes_max=10**9)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < RATIO_FROM_BYTES * 16


def collected(pieces, encoding, bytes_max=None):
    async def source():
        for piece in pieces:
            yield piece

    async def collect():
        return [piece async for piece in unfold(source(), encoding, bytes_max=bytes_max)]

    return asyncio.run(collect())


def test_a_stream_is_unfolded_as_it_comes():
    body = zipped(TEXT)
    assert b"".join(collected([body[:7], body[7:40], body[40:]], "gzip")) == TEXT
    assert collected([b"a", b"b"], "") == [b"a", b"b"]


def test_a_stream_that_is_cut_off_is_told():
    with pytest.raises(UnexpectedResponseError, match="cut off"):
        collected([zipped(TEXT)[:-4]], "gzip")


@given(
    text=st.binary(max_size=5000),
    cuts=st.lists(st.integers(0, 5000), max_size=6),
    encoding=st.sampled_from(["gzip", "deflate", "br"]),
)
def test_however_it_comes_it_unfolds_to_the_same(text, cuts, encoding):
    fold = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}
    body = fold[encoding](text)
    at = sorted({min(cut, len(body)) for cut in cuts})
    pieces = [body[a:b] for a, b in zip([0, *at], [*at, len(body)], strict=True)]
    unfolding = Unfolding(encoding, MOST)
    assert b"".join(one for some in pieces for one in unfolding.feed(some)) == text
    unfolding.end()


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "br"]))
def test_whatever_comes_is_unfolded_or_refused(body, encoding):
    with contextlib.suppress(UnexpectedResponseError):
        unfolded(body, encoding, bytes_max=MOST)


def test_br_is_taken_only_where_it_can_be_bounded():
    assert accepted() == "gzip, deflate, br"
    assert bounded_brotli("no_such_package") is None
    assert bounded_brotli("json.decoder") is None


def test_much_that_comes_at_once_is_unfolded_in_pieces():
    text = os.urandom(40_000) * 75
    pieces = collected([brotli.compress(text)], "br")
    assert b"".join(pieces) == text
    assert max(map(len, pieces)) <= 256 * 1024
