"""Failover among accounts for email: who is tried when, and that nothing is sent twice."""

import asyncio

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.calls.failover import FailedOver
from hardpoint.calls.key import Occasion, occasion
from hardpoint.core.errors import (
    AuthenticationError,
    ConfigurationError,
    IdempotencyConflictError,
    InvalidRequestError,
    OutcomeUnknownError,
    RateLimitedError,
    UnavailableError,
    UnsupportedError,
)
from hardpoint.email import EmailSender
from hardpoint.email.memory import MemoryEmail
from hardpoint.fakes.faults import commit_then_drop, rate_limit, status
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings
from hardpoint.providers.sendgrid.fake import FakeSendGrid
from hardpoint.providers.sendgrid.fake_mail import INVALID
from hardpoint.providers.smtp.fake_server import FakeSmtp, SmtpFault
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.policy import Policy
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.sqlite import SqliteStore
from hardpoint.sync import Hub as BlockingHub

TO = "ann@customer.example"
TOML = """
[store]
url = "sqlite:store.db"

[groups.mail]
connections = ["sendgrid", "relay"]

[connections.sendgrid]
provider = "sendgrid"
api_key = "env:KEY"
from = "Shop <orders@shop.example>"
base_url = "{url}"

[connections.relay]
provider = "smtp"
url = "env:SMTP_URL"
from = "Shop <relay@shop.example>"
"""


class Shop:
    """A hub with both accounts, in one of the two ways."""

    def __init__(self, path, blocking, sendgrid, relay):
        self.sendgrid, self.relay = sendgrid, relay
        self.told = []
        self.policies = {name: Policy(name) for name in ("sendgrid", "relay")}
        self._path = path
        self._blocking = blocking

    def do(self, use):
        """What `use` makes of the group's sender, in a hub of its own."""
        options = {"listeners": [self.told.append], "policies": self.policies}
        settings = Settings.load(self._path)
        if self._blocking:
            with BlockingHub(settings, **options) as hub:
                return use(hub.email("mail"))

        async def asynchronously():
            async with Hub(settings, **options) as hub:
                return await use(hub.email("mail"))

        return asyncio.run(asynchronously())

    def send(self, **options):
        asked = {"to": TO, "subject": "s", "text": "t", "idempotency_key": "k"} | options
        return self.do(lambda port: port.send(**asked))

    def sent(self):
        return self.sendgrid.app.ledger.count("email"), len(self.relay.mails)

    def failed_over(self):
        return [(one.connection, one.error) for one in self.told if isinstance(one, FailedOver)]


@pytest.fixture(params=[False, True], ids=["async", "blocking"])
def shop(request, tmp_path, monkeypatch):
    vendor = FakeSendGrid(delivers=False)
    with FakeServer(vendor) as sendgrid, FakeSmtp() as relay:
        monkeypatch.setenv("KEY", "SG.fake")
        monkeypatch.setenv("SMTP_URL", relay.url)
        path = tmp_path / "hardpoint.toml"
        path.write_text(TOML.format(url=sendgrid.url))
        yield Shop(path, request.param, sendgrid, relay)
    vendor.emitter.close()


def test_the_first_sends_and_a_repeat_gives_the_same(shop):
    email = shop.send()
    assert email.id.startswith("sendgrid:")
    assert shop.send() == email
    assert shop.sent() == (1, 0)
    with pytest.raises(IdempotencyConflictError):
        shop.send(text="other")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (status(401), "AuthenticationError"),
        (status(403), "PermissionDeniedError"),
        (rate_limit(), "RateLimitedError"),
    ],
)
def test_the_next_sends_where_the_first_has_done_nothing(shop, fault, error):
    shop.sendgrid.faults.next(fault, times=9)
    email = shop.send()
    assert email.id.startswith("relay:")
    assert shop.sent() == (0, 1)
    assert shop.relay.mails[0].sender == "relay@shop.example", "each account has its own sender"
    assert shop.failed_over() == [("sendgrid", error)]
    assert shop.send() == email
    assert shop.sent() == (0, 1)


def test_the_next_sends_while_the_circuit_of_the_first_is_open(shop):
    shop.policies["sendgrid"] = Policy("sendgrid", breaker=Breaker())
    shop.policies["sendgrid"].breaker.force_open()
    assert shop.send().id.startswith("relay:")
    assert shop.failed_over() == [("sendgrid", "CircuitOpenError")]
    assert shop.sendgrid.requests == 0


@pytest.mark.parametrize("options", [{"to": INVALID}, {"from_": "eve@shop.example", "to": INVALID}])
def test_what_is_wrong_with_the_message_is_told_and_sent_by_nobody(shop, options):
    with pytest.raises(InvalidRequestError):
        shop.send(**options)
    assert shop.relay.connections == 0
    assert shop.failed_over() == []


def test_what_one_of_them_cannot_do_is_asked_of_none(shop):
    with pytest.raises(UnsupportedError, match="smtp"):
        shop.send(metadata={"order": "7"})
    assert (shop.sendgrid.requests, shop.relay.connections) == (0, 0)


def test_a_doubt_goes_to_no_other_account(shop):
    shop.sendgrid.faults.next(commit_then_drop())
    for _ in range(2):
        with pytest.raises(OutcomeUnknownError):
            shop.send()
    assert shop.sent() == (1, 0)
    assert (shop.sendgrid.requests, shop.relay.connections) == (1, 0)


def test_a_doubt_at_the_second_does_not_go_back_to_the_first(shop):
    shop.sendgrid.faults.next(status(401))
    shop.relay.faults.append(SmtpFault(at="accepted", does="drop"))
    for _ in range(2):
        with pytest.raises(OutcomeUnknownError):
            shop.send()
    assert shop.sent() == (0, 1)
    assert (shop.sendgrid.requests, shop.relay.connections) == (1, 1)


def test_a_doubt_at_an_account_that_was_taken_out_goes_to_no_other(shop):
    shop.sendgrid.faults.next(status(401))
    shop.relay.faults.append(SmtpFault(at="accepted", does="drop"))
    with pytest.raises(OutcomeUnknownError):
        shop.send()
    whole = shop._path.read_text()
    second = (
        '[connections.second]\nprovider = "smtp"\nurl = "env:SMTP_URL"\nfrom = "a@shop.example"'
    )
    without = whole.replace('"sendgrid", "relay"]', '"sendgrid", "second"]')
    shop._path.write_text(f"{without}\n{second}\n")
    for _ in range(2):
        with pytest.raises(OutcomeUnknownError, match="in the group mail no more"):
            shop.send()
    shop._path.write_text(whole)
    with pytest.raises(OutcomeUnknownError, match="cannot be asked"):
        shop.send()
    assert shop.sent() == (0, 1), "back in the group, it is still the one"


def _without_the_first(shop):
    """The group goes on with the second of two accounts, and a third."""
    third = '[connections.third]\nprovider = "smtp"\nurl = "env:SMTP_URL"\nfrom = "c@shop.example"'
    text = shop._path.read_text().replace('"sendgrid", "relay"]', '"relay", "third"]')
    shop._path.write_text(f"{text}\n{third}\n")


@pytest.mark.parametrize(
    "more", [{}, {"from_": "Ann <ann@shop.example>"}, {"extra": {"sendgrid": {"asm": 1}}}]
)
def test_a_repeat_is_the_same_once_the_first_account_was_taken_out(shop, more):
    email = shop.send(**more)
    _without_the_first(shop)
    assert shop.send(**more) == email
    assert shop.sent() == (1, 0)


@pytest.mark.parametrize("other", [{"from_": "eve@shop.example"}, {"extra": {"smtp": {"a": 1}}}])
def test_a_repeat_with_another_sender_or_extras_is_another(shop, other):
    shop.send()
    with pytest.raises(IdempotencyConflictError):
        shop.send(**other)
    assert shop.sent() == (1, 0)


def test_a_key_of_a_job_is_the_same_once_the_first_account_was_taken_out(shop):
    """A job makes its keys from what is asked for: another key would send twice."""
    email = _in_a_job(shop)
    _without_the_first(shop)
    assert _in_a_job(shop) == email
    assert shop.sent() == (1, 0)


def _in_a_job(shop):
    token = occasion.set(Occasion("job-1"))
    try:
        return shop.send(idempotency_key=None)
    finally:
        occasion.reset(token)


def test_a_repeat_of_what_the_second_sent_asks_nobody_where_the_last_line_was_lost(shop):
    """The second account sent, and the process ended before the group's own row said so."""
    shop.sendgrid.faults.next(status(401))

    def use(port):
        whole = getattr(port, "asynchronous", port)
        journal = whole.failover._connection.journal
        end = journal.end

        async def died(intent, result, subject):
            if intent.scope == "mail:send":
                journal.leave(intent)
            else:
                await end(intent, result, subject)

        journal.end = died
        return port.send(to=TO, subject="s", text="t", idempotency_key="k")

    first = shop.do(use)
    assert shop.send() == first
    assert (shop.sent(), shop.sendgrid.requests) == ((0, 1), 1)


def test_where_all_have_done_nothing_the_last_error_is_told_and_the_key_is_free(shop):
    shop.sendgrid.faults.next(rate_limit(), times=1)
    shop.relay.faults.append(SmtpFault(at="connect", does="421 busy"))
    with pytest.raises((RateLimitedError, UnavailableError)):
        shop.send()
    assert shop.send().id.startswith("sendgrid:")
    assert shop.sent() == (1, 0)


def test_what_died_before_anybody_was_asked_is_sent_by_a_repeat(shop):
    """The group's row was written, and the process ended before an account had one."""

    def use(port):
        whole = getattr(port, "asynchronous", port)
        run = whole.failover.run

        async def died(operation, key, effect, attempt):
            intent = whole.failover._intent(operation, key, effect)
            await whole.connection.journal.begin(intent)
            whole.connection.journal.leave(intent)
            return await run(operation, key, effect, attempt)

        whole.failover.run = died
        return port.send(to=TO, subject="s", text="t", idempotency_key="k")

    assert shop.do(use).id.startswith("sendgrid:")
    assert shop.sent() == (1, 0)


def test_a_call_without_a_key_fails_over_too(shop):
    shop.sendgrid.faults.next(status(401))
    assert shop.send(idempotency_key=None).id.startswith("relay:")


def test_what_failed_over_is_counted(shop):
    shop.sendgrid.faults.next(status(401))
    counts = {}

    def use(port):
        counts.update(group=getattr(port, "asynchronous", port).failover.counts)
        return port.send(to=TO, subject="s", text="t")

    shop.do(use)
    assert counts["group"] == {"sendgrid": 1, "relay": 0}


@pytest.mark.parametrize(
    ("group", "key"),
    [
        ("[groups.Mail]\nconnections = ['sendgrid', 'relay']", "groups.Mail"),
        ("[groups.relay]\nconnections = ['sendgrid', 'relay']", "groups.relay"),
        ("[groups.mail]\nconnections = ['sendgrid']", "groups.mail.connections"),
        ("[groups.mail]\nconnections = ['relay', 'relay']", "groups.mail.connections"),
        ("[groups.mail]\nconnections = ['relay', 'other']", "groups.mail.connections"),
        ("[groups.mail]\nconnections = ['relay', 'texts']", "groups.mail.connections"),
        ("[groups.mail]\nconnections = ['relay', 7]", "groups.mail.connections"),
    ],
)
def test_a_group_that_cannot_work_is_named(tmp_path, monkeypatch, group, key):
    for name in ("KEY", "SMTP_URL", "TOKEN"):
        monkeypatch.setenv(name, "x")
    path = tmp_path / "hardpoint.toml"
    head = TOML.partition("[groups.mail]")[0] + "[connections" + TOML.partition("[connections")[2]
    texts = '[connections.texts]\nprovider = "slack"\nbot_token = "env:TOKEN"\n'
    path.write_text(f"{head.format(url='http://127.0.0.1:1')}\n{texts}\n{group}\n")
    with pytest.raises(ConfigurationError) as caught:
        Settings.load(path)
    assert caught.value.key == key


def test_a_group_whose_accounts_change_is_made_anew(shop):
    settings = Settings.load(shop._path)
    with BlockingHub(settings) as hub:
        first = hub.email("mail")
        assert hub.email("mail") is not None
        hub._ports.configure(settings)
        assert hub._ports.get("email", "mail") is hub._ports.get("email", "mail")
        same = hub._ports.get("email", "mail")
        shop._path.write_text(shop._path.read_text().replace("relay@shop", "other@shop"))
        hub._ports.configure(Settings.load(shop._path))
        assert hub._ports.get("email", "mail") is not same
        assert first is not None


@pytest.mark.parametrize(
    "refusal", [UnavailableError("503", status=503), AuthenticationError("401", status=401)]
)
def test_a_repeat_that_is_refused_where_it_is_in_doubt_goes_to_no_other(tmp_path, refusal):
    class Doubtful:
        """It honours keys; its first answer is lost, and it refuses what comes after."""

        def __init__(self):
            self.driver = MemoryEmail()
            self.failing = [OutcomeUnknownError("lost"), refusal]

        def __getattr__(self, name):
            return getattr(self.driver, name)

        async def send(self, new, *, idempotency_key):
            sent = await self.driver.send(new, idempotency_key=idempotency_key)
            if self.failing:
                raise self.failing.pop(0)
            return sent

    async def scenario():
        store = SqliteStore(tmp_path / "store.db")
        await store.open()
        first, second, journal = Doubtful(), MemoryEmail(), StoreJournal(store)

        def account(driver, name, **options):
            return EmailSender(driver, Connection(name, AsyncRuntime(), journal=journal, **options))

        members = [account(first, "a", group="mail"), account(second, "b", group="mail")]
        connection = Connection("mail", AsyncRuntime(), journal=journal)
        group = EmailSender(first, connection, members)

        async def send():
            return await group.send(to=TO, subject="s", text="t", idempotency_key="k")

        for _ in range(2):
            with pytest.raises(OutcomeUnknownError):
                await send()
        assert (await send()).id
        assert (len(first.driver.emails), second.requests) == (1, 0)
        await store.close()

    asyncio.run(scenario())
