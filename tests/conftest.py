import json
import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings

# A busy machine makes single examples slow; the suite has its own limits.
settings.register_profile("hardpoint", deadline=None)
settings.load_profile("hardpoint")

# Seconds for each test, fixtures included: then pytest-timeout fails it and shows every thread's
# stack. Its variable rather than an option, so that a bare pytest runs too, under faulthandler's.
os.environ.setdefault("PYTEST_TIMEOUT", "180")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So it is for a job in the background, and for all its children; some tests interrupt theirs.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def log_as_at_the_start():
    """A test that sets the log of a service up leaves none of it to the next one."""
    yield
    if logging.getLogger("hardpoint").handlers:
        from hardpoint.telemetry.logs import reset

        reset()


@pytest.fixture
def unmeasured(monkeypatch):
    """Processes that this test starts run without coverage, which would be most of what they do.

    Their lines are measured elsewhere, in processes that live long enough to say so.
    """
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


FORK_SECONDS = 60.0


@pytest.fixture
def forked() -> Callable[[Callable[[], Any]], Any]:
    """Runs a function in a forked child of this process; gives what it returned, as JSON knows it.

    A child that hangs is killed, and fails the test as one that raises does.
    """

    def run(function: Callable[[], Any]) -> Any:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.write(writing, json.dumps(function()).encode())
                code = 0
            except BaseException as error:
                os.write(writing, repr(error).encode())
                raise
            finally:
                os._exit(code)
        os.close(writing)
        killer = threading.Timer(FORK_SECONDS, os.kill, (pid, signal.SIGKILL))
        killer.start()
        with os.fdopen(reading, "rb") as said:
            told = said.read()
        _, status = os.waitpid(pid, 0)
        killer.cancel()
        killer.join()
        assert status == 0, told.decode()
        return json.loads(told)

    return run
