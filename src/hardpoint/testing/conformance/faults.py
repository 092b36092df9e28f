"""The fault matrix: what each fault makes of a call of any driver, and in how many attempts.

Inherit from `FaultConformance`, and say how the vendor is imitated and called:

    class TestMine(FaultConformance):
        adapter = Adapter(
            vendor=FakeMine,
            port=lambda transport, url, connection: EmailSender(
                MyEmail(transport, Mine(token=Secret.value(TOKEN), base_url=url)), connection
            ),
            facade=BlockingSender,
            calls={"unkeyed": lambda port: port.send(to="a@b.example", subject="s", text="t")},
            effects="email",
            refused=(
                lambda port: port.send(to="no@b.example", subject="s", text="t"),
                InvalidRequestError,
            ),
        )

Three kinds of calls behave differently: `read`, `keyed` (a change under a key that the provider
honours, or one that sets a state) and `unkeyed` (a change that acts anew each time).
"""

import contextlib
import socket
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.calls.events import AttemptEnded
from hardpoint.core.errors import (
    AuthenticationError,
    OutcomeUnknownError,
    RateLimitedError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.core.events import Listeners
from hardpoint.fakes.faults import (
    Break,
    Fault,
    bad_json,
    commit_then_drop,
    hang,
    html_500,
    rate_limit,
    reset,
    status,
    truncate,
)
from hardpoint.fakes.messages import App
from hardpoint.fakes.server import FakeServer
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Transport
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.retry import Retry, constant
from hardpoint.testing.clock import ManualClock
from hardpoint.testing.conformance.modes import MODES, Mode

ATTEMPTS = 3
FaultKind = Literal["read", "keyed", "unkeyed"]
FaultOutcome = tuple[type[Exception] | None, int]
"""An error class, or None for success, and the number of attempts."""

_PATIENT = Limits(timeout=10.0)
_HASTY = Limits(timeout=0.3, connect_timeout=0.1)
"""Where the fault is that nothing comes; elsewhere a slow machine must not look like one."""


@final
@dataclass(frozen=True, kw_only=True)
class Adapter:
    """A port over one vendor's driver.

    Attributes:
        vendor: makes the fake; its `name` is the provider's.
        port: makes the portable type from a transport, a base URL and a connection named `shop`.
        facade: its blocking twin.
        calls: by kind, given the port; those that the driver has.
        effects: what the ledger calls the effect of a keyed or unkeyed call.
        refused: a call that the vendor answers with a no, and the error it ends with.
        found: finds what the unkeyed call did, where the port can look for it.
        bodiless: the vendor's answers have no body, in which nothing can break.
        warm: a call made before the fault strikes: one that gets a token for those after it. After
            a 401 the driver gets another one, and sends its request once more.
    """

    vendor: Callable[[], App]
    port: Callable[[Transport, str, Connection], Any]
    facade: Callable[[Any], Any]
    calls: Mapping[FaultKind, Callable[[Any], Any]]
    effects: str
    refused: tuple[Callable[[Any], Any], type[Exception]]
    found: Callable[[Any], Any] | None = None
    bodiless: bool = False
    warm: Callable[[Any], Any] | None = None


@final
@dataclass(frozen=True)
class FaultRow:
    """A fault, how often it strikes, and what becomes of each kind of call.

    `effects` is how often a keyed, and an unkeyed call took effect in the end; `waited` the seconds
    that passed between attempts at least; `in_body` that it breaks the answer's body.
    """

    name: str
    fault: Fault | Literal["refused", "full"]
    times: int
    read: FaultOutcome
    keyed: FaultOutcome
    unkeyed: FaultOutcome
    effects: tuple[int, int]
    waited: float = 0.0
    in_body: bool = False

    @property
    def limits(self) -> Limits:
        """How long the transport waits."""
        silent = self.fault == "full" or (
            isinstance(self.fault, Fault) and self.fault.breaks is Break.HANG
        )
        return _HASTY if silent else _PATIENT

    def outcome(self, kind: FaultKind) -> FaultOutcome:
        """What becomes of a call of this kind."""
        return {"read": self.read, "keyed": self.keyed, "unkeyed": self.unkeyed}[kind]


_UNKNOWN: FaultOutcome = (OutcomeUnknownError, 1)
_GIVEN_UP: FaultOutcome = (OutcomeUnknownError, ATTEMPTS)
_DOWN: FaultOutcome = (UnavailableError, ATTEMPTS)
_SECOND: FaultOutcome = (None, 2)
_SLOWED: FaultOutcome = (RateLimitedError, ATTEMPTS)
_WHO: FaultOutcome = (AuthenticationError, 1)
_MALFORMED: FaultOutcome = (UnexpectedResponseError, ATTEMPTS)
ROWS = (
    FaultRow("connect refused", "refused", 1, _DOWN, _DOWN, _DOWN, (0, 0)),
    FaultRow("connect timeout", "full", 1, _DOWN, _DOWN, _DOWN, (0, 0)),
    FaultRow("timeout after send", hang(), ATTEMPTS, _DOWN, _GIVEN_UP, _UNKNOWN, (0, 0)),
    FaultRow("timeout, then ok", hang(), 1, _SECOND, _SECOND, _UNKNOWN, (1, 0)),
    FaultRow("429 with delay", rate_limit("7"), 1, _SECOND, _SECOND, _SECOND, (1, 1), waited=7.0),
    FaultRow("429 without delay", rate_limit(), 1, _SECOND, _SECOND, _SECOND, (1, 1)),
    FaultRow("429 always", rate_limit(), ATTEMPTS, _SLOWED, _SLOWED, _SLOWED, (0, 0)),
    FaultRow("500, then ok", status(500), 1, _SECOND, _SECOND, _UNKNOWN, (1, 0)),
    FaultRow("500 always", status(500), ATTEMPTS, _DOWN, _GIVEN_UP, _UNKNOWN, (0, 0)),
    FaultRow("503, then ok", status(503), 1, _SECOND, _SECOND, _UNKNOWN, (1, 0)),
    FaultRow("html 500, then ok", html_500(), 1, _SECOND, _SECOND, _UNKNOWN, (1, 0)),
    FaultRow("malformed, then ok", bad_json(), 1, _SECOND, _SECOND, _UNKNOWN, (1, 1)),
    FaultRow("malformed always", bad_json(), ATTEMPTS, _MALFORMED, _GIVEN_UP, _UNKNOWN, (1, 1)),
    FaultRow("401", status(401), 1, _WHO, _WHO, _WHO, (0, 0)),
    FaultRow("commit then drop", commit_then_drop(), 1, _SECOND, _SECOND, _UNKNOWN, (1, 1)),
    FaultRow("drop always", commit_then_drop(), ATTEMPTS, _DOWN, _GIVEN_UP, _UNKNOWN, (1, 1)),
    FaultRow("reset in the headers", reset("headers"), 1, _SECOND, _SECOND, _UNKNOWN, (1, 0)),
    FaultRow("reset in it", reset("mid_body"), 1, _SECOND, _SECOND, _UNKNOWN, (1, 1), in_body=True),
    FaultRow("half of it", truncate(), 1, _SECOND, _SECOND, _UNKNOWN, (1, 1), in_body=True),
)


class FaultConformance:
    """The suite. A subclass sets `adapter`."""

    adapter: ClassVar[Adapter]

    @pytest.fixture(params=MODES)
    def mode(self, request: pytest.FixtureRequest) -> Generator[Mode]:
        """Each in turn."""
        mode = MODES[request.param]()
        yield mode
        mode.close()

    @pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
    @pytest.mark.parametrize("kind", ["read", "keyed", "unkeyed"])
    def test_every_fault_ends_as_the_table_says(
        self, kind: FaultKind, row: FaultRow, mode: Mode
    ) -> None:
        """The table is `ROWS`."""
        adapter = self.adapter
        if kind not in adapter.calls or (adapter.bodiless and row.in_body):
            return
        with FakeServer(adapter.vendor()) as server, contextlib.ExitStack() as stack:
            url = server.url
            if isinstance(row.fault, str):
                url = stack.enter_context(_unreachable(row.fault))
            ledger = server.app.ledger
            trial = _Trial(adapter, mode, url, row.limits)
            if not isinstance(row.fault, str):
                trial.warm()
                server.faults.next(row.fault, times=row.times)
            before = ledger.count(adapter.effects)
            error, attempts = trial.ends(adapter.calls[kind])
            effects = ledger.count(adapter.effects) - before
            if adapter.found is not None and isinstance(error, OutcomeUnknownError):
                found = trial.does(adapter.found)
                assert len(found) == effects, "what the caller finds is the truth"
        expected, expected_attempts = row.outcome(kind)
        wanted = row.effects[kind == "unkeyed"]
        if adapter.warm is not None and row.outcome(kind) is _WHO:
            expected, wanted = None, 1
        assert type(error) is (expected or type(None)), error
        assert attempts == expected_attempts
        assert kind == "read" or effects == wanted
        assert sum(trial.clock.waits) >= row.waited
        if error is not None:
            facts = vars(error)
            assert (facts["provider"], bool(facts["operation"])) == (server.app.name, True)

    def test_a_refusal_is_an_answer_and_never_retried(self, mode: Mode) -> None:
        """Whatever the policy says."""
        call, expected = self.adapter.refused
        with FakeServer(self.adapter.vendor()) as server:
            trial = _Trial(self.adapter, mode, server.url, _PATIENT)
            trial.warm()
            before = server.requests
            error, attempts = trial.ends(call)
            assert (type(error), attempts, server.requests - before) == (expected, 1, 1)


@final
class _Trial:
    """An adapter in one mode, its calls watched."""

    def __init__(self, adapter: Adapter, mode: Mode, url: str, limits: Limits) -> None:
        self.clock = ManualClock()
        self._attempts = 0
        self._warm = adapter.warm
        self._mode = mode
        policy = Policy(
            "matrix",
            deadline=3600.0,
            retry=Retry(ATTEMPTS, backoff=constant(1.0), throttled=constant(1.0)),
            clock=self.clock,
        )
        connection = Connection(
            "shop",
            mode.runtime,
            policy=policy,
            clock=self.clock,
            listeners=Listeners(self._heard),
        )
        self._port = mode.port(
            adapter.port(mode.transport(limits), url, connection), adapter.facade
        )

    def warm(self) -> None:
        """Make the call that goes before, if there is one."""
        if self._warm is not None:
            self.does(self._warm)
            self._attempts = 0

    def does(self, call: Callable[[Any], Any]) -> Any:
        """What a call gives."""
        return self._mode.do(call(self._port))

    def ends(self, call: Callable[[Any], Any]) -> tuple[Exception | None, int]:
        """The error that a call ends with, if any, and its attempts."""
        try:
            self.does(call)
        except Exception as error:  # noqa: BLE001 - which one, is the question
            return error, self._attempts
        return None, self._attempts

    def _heard(self, event: object) -> None:
        self._attempts += isinstance(event, AttemptEnded)


@contextlib.contextmanager
def _unreachable(how: Literal["refused", "full"]) -> Generator[str]:
    """An address where connecting is refused, or takes for ever."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port: int = listener.getsockname()[1]
        if how == "refused":
            listener.close()
        for _ in range(4 if how == "full" else 0):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield f"http://127.0.0.1:{port}"
