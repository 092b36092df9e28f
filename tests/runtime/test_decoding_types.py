"""Types that several threads begin to decode at once."""

import subprocess
import sys

RACE = """
import sys
import threading

import msgspec

from hardpoint.runtime.decoding_types import prepared

sys.setswitchinterval(1e-6)
body = msgspec.json.encode({f"f{n}": {"g1": 1} for n in range(12)})
for number in range(200):
    fields = [(f"g{n}", "int | None", None) for n in range(12)]
    leaf = msgspec.defstruct(f"Leaf{number}", fields, module="__main__")
    globals()[leaf.__name__] = leaf
    fields = [(f"f{n}", f"{leaf.__name__} | None", None) for n in range(12)]
    kind = msgspec.defstruct("Kind", fields, module="__main__")
    together = threading.Barrier(3)

    def run():
        together.wait()
        assert msgspec.json.decode(body, type=prepared(kind)).f3.g1 == 1

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_threads_that_decode_a_type_first_at_once_do_not_end_the_process() -> None:
    """What msgspec makes of a type is seen by others before it is whole."""
    ended = subprocess.run([sys.executable, "-c", RACE], check=False, capture_output=True)
    assert (ended.returncode, ended.stderr) == (0, b"")
