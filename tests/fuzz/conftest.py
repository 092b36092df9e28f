"""How many inputs each fuzzer tries, and from which seed.

`make fuzz` tries 100 000 inputs each (`make fuzz COUNT=1000000 SEED=7`); the test suite a few
thousand, the same ones every time.
"""

import os
import random

import pytest

SHARDS = 8
"""Each fuzzer runs as so many tests, so that several workers share it."""

COUNT = int(os.environ.get("HARDPOINT_FUZZ", "4000"))
SEED = os.environ.get("HARDPOINT_FUZZ_SEED", "0")

TOKENS = (
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b":", b";", b",", b"\x00", b"\xff", b"="),
    *(b"0", b"1", b"9", b"-1", b"+4", b"0x4", b"f", b"0\r\n\r\n", b"4\r\nbody\r\n", b"%", b"&"),
    *(b"content-length: 4\r\n", b"content-length: 40\r\n", b"transfer-encoding: chunked\r\n"),
    *(b"connection: close\r\n", b"content-encoding: gzip\r\n", b"HTTP/1.1 ", b"HTTP/1.0 "),
    *(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", b"HTTP/1.1 100 Continue\r\n\r\n"),
    *(b'"', b"{", b"}", b"[", b"]", b"\\", b"null", b"1e999", b"v1=", b"t="),
)


class Mutations:
    """Inputs made of good ones: bytes changed, cut, repeated, moved, tokens put in."""

    def __init__(self, seed):
        self.chance = random.Random(seed)

    def of(self, corpus):
        data = bytearray(self.chance.choice(corpus))
        for _ in range(self.chance.choice((0, 1, 1, 1, 2, 2, 3, 5))):
            self._once(data, corpus)
        return bytes(data)

    def _once(self, data, corpus):
        chance = self.chance
        at = chance.randrange(len(data) + 1)
        to = min(len(data), at + chance.choice((1, 1, 2, 4, 8, 30)))
        match chance.randrange(7):
            case 0:
                data[at:to] = bytes([chance.randrange(256)])
            case 1:
                del data[at:to]
            case 2:
                data[at:at] = data[at:to]
            case 3:
                data[at:at] = chance.choice(TOKENS)
            case 4:
                data[at:to] = chance.choice(TOKENS)
            case 5:
                other = chance.choice(corpus)
                data[at:] = other[chance.randrange(len(other) + 1) :]
            case _:
                del data[at:]

    def pieces(self, data):
        """The same in pieces of any length."""
        found = []
        at = 0
        while at < len(data):
            to = at + self.chance.choice((1, 2, 3, 7, 20, 200))
            found.append(data[at:to])
            at = to
        return found


@pytest.fixture(params=range(SHARDS), ids=lambda shard: f"shard{shard}")
def mutations(request):
    return Mutations(f"{SEED}-{request.param}-{request.node.originalname}")


@pytest.fixture
def count():
    """How many inputs this test tries."""
    return max(1, COUNT // SHARDS)
