"""What each fault makes of a call, and in how many attempts.

Reads are safe; what may have been sent is never sent again.
"""

import asyncio
import socket

import pytest

from hardpoint import Policy, Retry, constant
from hardpoint.core.errors import (
    AuthenticationError,
    OutcomeUnknownError,
    RateLimitedError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.core.secrets import Secret
from hardpoint.fakes import faults
from hardpoint.fakes.server import FakeServer
from hardpoint.http.limits import Limits
from hardpoint.providers.twilio import Twilio
from hardpoint.providers.twilio.fake import ACCOUNT_SID, AUTH_TOKEN, SENDER, FakeTwilio
from hardpoint.providers.twilio.sms import TwilioSms
from hardpoint.runtime.connection import Connection
from hardpoint.sms import OptedOutError, SmsSender
from hardpoint.sync.sms import SmsSender as BlockingSender
from hardpoint.testing.conformance.modes import MODES

ATTEMPTS = 3
TO = "+4917012345678"
BUSY = b'{"code":20429,"message":"Too Many Requests","status":429}'
LIMITS = Limits(timeout=0.3, connect_timeout=0.3)

ROWS = {
    # fault, how often: read and send with their attempts; messages at the vendor after send
    "429": (faults.rate_limit("7"), 1, (None, 2), (None, 2), 1),
    "20429": (faults.status(429, body=BUSY), 1, (None, 2), (None, 2), 1),
    "429 always": (faults.rate_limit(), 3, (RateLimitedError, 3), (RateLimitedError, 3), 0),
    "500": (faults.status(500), 1, (None, 2), (OutcomeUnknownError, 1), 0),
    "500 always": (faults.status(500), 3, (UnavailableError, 3), (OutcomeUnknownError, 1), 0),
    "503": (faults.status(503), 1, (None, 2), (OutcomeUnknownError, 1), 0),
    "html 500": (faults.html_500(), 1, (None, 2), (OutcomeUnknownError, 1), 0),
    "bad json": (faults.bad_json(), 1, (None, 2), (OutcomeUnknownError, 1), 1),
    "bad json always": (
        faults.bad_json(),
        3,
        (UnexpectedResponseError, 3),
        (OutcomeUnknownError, 1),
        1,
    ),
    "401": (faults.status(401), 1, (AuthenticationError, 1), (AuthenticationError, 1), 0),
    "hang": (faults.hang(), 1, (None, 2), (OutcomeUnknownError, 1), 0),
    "commit then drop": (faults.commit_then_drop(), 1, (None, 2), (OutcomeUnknownError, 1), 1),
    "reset in the headers": (faults.reset("headers"), 1, (None, 2), (OutcomeUnknownError, 1), 0),
    "reset in the body": (faults.reset("mid_body"), 1, (None, 2), (OutcomeUnknownError, 1), 1),
    "half an answer": (faults.truncate(), 1, (None, 2), (OutcomeUnknownError, 1), 1),
}


@pytest.fixture(params=MODES)
def trial(request):
    mode = MODES[request.param]()
    vendor = FakeTwilio(delivers=False)
    with FakeServer(vendor) as server:
        yield Trial(mode, vendor, server)
    vendor.emitter.close()
    mode.close()


class Trial:
    """A sender under a policy whose waits take no time to speak of."""

    def __init__(self, mode, vendor, server):
        self.vendor, self.server, self._mode = vendor, server, mode
        self.port = self.reach(server.url)
        self.sent = mode.do(self.port.send(to=TO, body="before"))
        self._messages = vendor.ledger.count("message")

    def reach(self, url):
        policy = Policy(
            "matrix",
            deadline=30.0,
            retry=Retry(ATTEMPTS, backoff=constant(0.001), throttled=constant(0.001)),
            clock=Hasty(),
        )
        settings = Twilio(
            account_sid=ACCOUNT_SID,
            secret=Secret.value(AUTH_TOKEN),
            from_=SENDER,
            base_url=url,
        )
        port = SmsSender(
            TwilioSms(self._mode.transport(LIMITS), settings),
            Connection("texts", self._mode.runtime, policy=policy),
        )
        return self._mode.port(port, BlockingSender)

    def messages(self):
        return self.vendor.ledger.count("message") - self._messages

    def attempt(self, act):
        try:
            return self._mode.do(act())
        except Exception as error:
            return error


class Hasty:
    """Lets waits pass at once."""

    def __init__(self):
        self._passed = 0.0

    def now(self):
        return 1_700_000_000.0

    def monotonic(self):
        return 1_000.0 + self._passed

    def pause(self, seconds):
        self._passed += seconds

    async def sleep(self, seconds):
        self._passed += seconds

    def call_later(self, seconds, callback):
        return asyncio.get_running_loop().call_later(seconds, callback)

    def wait(self, signal, seconds):
        raise NotImplementedError


@pytest.mark.parametrize("name", ROWS)
def test_a_read_ends_as_the_table_says(trial, name):
    fault, times, read, _, _ = ROWS[name]
    trial.server.faults.next(fault, times=times)
    before = trial.server.requests
    outcome = trial.attempt(lambda: trial.port.get_message(trial.sent.id))
    ended = type(outcome) if isinstance(outcome, Exception) else None
    assert (ended, trial.server.requests - before) == read


@pytest.mark.parametrize("name", ROWS)
def test_sending_ends_as_the_table_says(trial, name):
    fault, times, _, sent, messages = ROWS[name]
    trial.server.faults.next(fault, times=times)
    before = trial.server.requests
    outcome = trial.attempt(lambda: trial.port.send(to=TO, body="hello"))
    ended = type(outcome) if isinstance(outcome, Exception) else None
    assert (ended, trial.server.requests - before) == sent
    assert trial.messages() == messages
    if ended is OutcomeUnknownError:
        found = trial.attempt(lambda: trial.port.find(to=TO, body="hello", since=0))
        assert len(found) == messages, "what the caller finds is the truth"


def test_where_nobody_listens_nothing_was_sent(trial):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    away = trial.reach(f"http://127.0.0.1:{port}")
    for act in (
        lambda: away.get_message("texts:SM1"),
        lambda: away.send(to=TO, body="hello"),
    ):
        assert type(trial.attempt(act)) is UnavailableError


def test_a_refusal_is_an_answer_and_never_retried(trial):
    before = trial.server.requests
    outcome = trial.attempt(lambda: trial.port.send(to="+15005550004", body="hello"))
    assert type(outcome) is OptedOutError
    assert trial.server.requests - before == 1
