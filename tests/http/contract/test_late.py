"""An answer that was given up is nobody's: what of it still comes reaches no other request."""

import pytest

from hardpoint.core.errors import OutcomeUnknownError
from hardpoint.http.messages import Request

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n"


@pytest.mark.parametrize("begun", [HEAD, HEAD + b"sur"], ids=["its head", "some of its body"])
def test_an_answer_that_was_not_whole_in_time_costs_its_connection(shell, serve, begun):
    def script(line):
        if line.number == 0:
            line.request()
            line.send(begun)
            line.peer.go.wait(10)
            line.send(b"surplus")
            line.hold()
        while True:
            line.answer(line.request().target)

    peer = serve(script)
    transport = shell.open(timeout=0.5)
    with pytest.raises(OutcomeUnknownError):
        shell.send(Request(method="GET", url=peer.url), transport)
    patient = Request(method="GET", url=f"{peer.url}/2")
    assert shell.outcome(patient, transport).body == b"/2"
    assert peer.connections == 2
