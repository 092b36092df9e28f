import os
import signal

import pytest
from hypothesis import settings

from hardpoint.testing.conformance.modes import MODES

# A busy machine makes single examples slow; the suite has its own limits.
settings.register_profile("hardpoint", deadline=None)
settings.load_profile("hardpoint")

# Seconds for each test, fixtures included: then pytest-timeout fails it and shows every thread's
# stack. Its variable rather than an option, so that a bare pytest runs too, under faulthandler's.
os.environ.setdefault("PYTEST_TIMEOUT", "180")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So it is for a job in the background, and for all its children; some tests interrupt theirs.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=MODES)
def mode(request):
    """The two ways in which a port is used, in turn."""
    mode = MODES[request.param]()
    yield mode
    mode.close()
