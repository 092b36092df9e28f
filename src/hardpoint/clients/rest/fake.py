"""An API in the place of any: it answers what a test says, and keeps what it was asked.

def test_a_deal_is_read(hardpoint_hub):
    crm = hardpoint_hub.fake("crm").app
    crm.on("GET /deals/7", {"id": 7, "name": "Roof"})
    ...
    assert crm.received[0].headers["authorization"]
"""

import fnmatch
from collections.abc import Callable
from typing import Any, final

import msgspec

from hardpoint.clients.described import DESCRIBED
from hardpoint.fakes.events import FakeEvents
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received

Answering = Callable[[Received], "FakeReply | Any"]
"""What makes an answer of a request: a reply, or a document."""


@final
class _Rule(msgspec.Struct, frozen=True):
    on: str
    answer: Any


@final
class FakeRest:
    """An API that a test describes. What nobody has described is answered 501, and says so.

    In the place of a connection it is called with a bearer's key, however the API itself is proved,
    and below no path. It honours `Idempotency-Key`: under one that it knows it acts no more, and
    answers the same.

    Attributes:
        received: every request, in order.
        ledger: what acted, `call(method=, path=)`: everything but GET, HEAD and OPTIONS.
    """

    name = "rest"
    facts = DESCRIBED

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.received: list[Received] = []
        self._rules: list[_Rule] = []
        self._answered: dict[str, FakeReply] = {}

    def on(
        self,
        request: str,
        document: Any = None,
        *,
        status: int = 200,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Answer what matches; the latest rule that does decides.

        Args:
            request: a glob over method and path, `GET /deals/*`.
            document: the body, to be written as JSON; or a function of the request (`Received`),
                which gives a document or a `FakeReply`; None for an empty body.
            status: of the answer.
            headers: beside its content type.
        """
        answer = document
        if not callable(document):
            answer = _reply(document, status, headers)
        self._rules.append(_Rule(request, answer))

    def events(self, path: str, *, resumes: bool = True) -> FakeEvents:
        """A stream of events at a path, to be sent into.

        Args:
            path: `/stream`.
            resumes: whether it sends on after `Last-Event-ID`.
        """
        feed = FakeEvents(resumes=resumes)
        self.on(f"GET {path}", feed.reply)
        return feed

    def answer(self, request: Received) -> FakeReply:
        """As the rules have it."""
        self.received.append(request)
        if request.method in {"GET", "HEAD", "OPTIONS"}:
            return self._described(request)
        key = request.headers.get("idempotency-key")
        if key is not None and key in self._answered:
            return self._answered[key]
        reply = self._described(request)
        self.ledger.record("call", method=request.method, path=request.path)
        if key is not None:
            self._answered[key] = reply
        return reply

    def _described(self, request: Received) -> FakeReply:
        asked = f"{request.method} {request.path}"
        for rule in reversed(self._rules):
            if fnmatch.fnmatchcase(asked, rule.on):
                made = rule.answer if isinstance(rule.answer, FakeReply) else rule.answer(request)
                return made if isinstance(made, FakeReply) else _reply(made, 200, ())
        known = ", ".join(rule.on for rule in self._rules) or "nothing"
        problem = {"title": "not described", "detail": f"{asked} is not among: {known}"}
        return FakeReply(
            status=501,
            headers=(("content-type", "application/problem+json"),),
            body=msgspec.json.encode(problem),
        )


def _reply(document: Any, status: int, headers: tuple[tuple[str, str], ...]) -> FakeReply:
    if document is None:
        return FakeReply(status=status, headers=headers)
    return FakeReply.json(document, status, *headers)
