import pytest

from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer


class Echo:
    """Says what reached it, and remembers."""

    name = "echo"

    def __init__(self):
        self.ledger = Ledger()
        self.received = []

    def answer(self, request):
        self.received.append(request)
        self.ledger.record("asked", path=request.path, method=request.method)
        return FakeReply.json({"path": request.path, "body": request.body.decode()})


@pytest.fixture
def server():
    with FakeServer(Echo()) as server:
        yield server
