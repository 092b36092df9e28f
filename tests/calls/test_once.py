"""`hub.once`: at most once to a known end, whatever crashes in between."""

import asyncio
import functools
import json
from typing import Any

import msgspec
import pytest

from hardpoint.calls.connection import Connection
from hardpoint.calls.journalled import RESULT_BYTES_MAX
from hardpoint.calls.once import RECENT_MAX, BlockingOnce
from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import (
    AlreadyExistsError,
    DeclinedError,
    IdempotencyConflictError,
    InvalidRequestError,
    MisuseError,
    OutcomeUnknownError,
    UnavailableError,
)
from hardpoint.core.money import Money
from hardpoint.core.secrets import Secret
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings, StoreSettings
from hardpoint.payments.api import PaymentGateway
from hardpoint.payments.memory import MemoryPayments
from hardpoint.payments.types import Payment
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.sms.api import SmsSender
from hardpoint.sms.memory import MemorySms
from hardpoint.storage.api import ObjectStore
from hardpoint.storage.memory import MemoryStorage
from hardpoint.storage.types import ObjectInfo
from hardpoint.store.events import ResultNotRecorded
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.sqlite import SqliteStore
from hardpoint.sync.payments import PaymentGateway as BlockingGateway
from hardpoint.testing.clock import ManualClock

TEN = Money("10.00", "EUR")


class Receipt(msgspec.Struct, frozen=True):
    number: int
    pin: Secret | None = None


class Till:
    """Functions to be called once, and how often they were."""

    def __init__(self, error=None):
        self.calls, self.error = 0, error

    async def ring(self, amount: int) -> Receipt:
        self.calls += 1
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return Receipt(self.calls, Secret.value("1234"))

    def plain(self, amount: int) -> int:
        self.calls += 1
        return amount


class Stage:
    def __init__(self, path):
        self.path, self.clock = path, ManualClock()
        self.heard = []

    def play(self, story):
        """One process."""

        async def scene():
            settings = Settings(store=StoreSettings(path=self.path))
            async with Hub(settings, clock=self.clock, listeners=[self.heard.append]) as hub:
                return await story(hub)

        return asyncio.run(scene())


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path / "shop.db")


def test_a_repeat_gets_the_recorded_result_in_another_process_too(stage):
    till = Till()

    async def story(hub):
        return await hub.once("order-7", till.ring, 10)

    first = stage.play(story)
    again = stage.play(story)
    assert first.pin is not None
    assert again == Receipt(1)  # secrets are not recorded
    assert till.calls == 1


def test_a_repeat_in_the_same_process_is_answered_from_memory_and_from_the_store_alike(stage):
    till = Till()

    async def story(hub):
        results = [await hub.once("order-7", till.ring, 10) for _ in range(2)]
        hub.once._recent.clear()
        return [*results, await hub.once("order-7", till.ring, 10)]

    assert [one.number for one in stage.play(story)] == [1, 1, 1]


def test_the_memory_is_bounded(stage):
    till = Till()

    async def story(hub):
        hub.once._recent.update({("x", str(n)): (b"", b"") for n in range(RECENT_MAX)})
        await hub.once("order-7", till.ring, 10)
        assert len(hub.once._recent) == RECENT_MAX
        assert ("once:", "order-7") in hub.once._recent
        for _ in range(2):
            assert len(await hub.once("large", lambda: "x" * 100_000, returns=str)) == 100_000
        assert ("once:", "large") not in hub.once._recent

    stage.play(story)


@pytest.mark.parametrize("remembered", [True, False])
def test_a_key_used_again_with_other_arguments_is_refused_and_named(stage, remembered):
    till = Till()

    async def story(hub):
        await hub.once("order-7", till.ring, 10)
        if not remembered:
            hub.once._recent.clear()
        with pytest.raises(IdempotencyConflictError, match="'order-7'"):
            await hub.once("order-7", till.ring, 11)
        with pytest.raises(IdempotencyConflictError):
            await hub.once("order-7", till.ring, amount=10)
        await hub.once("order-7", till.ring, 11, scope="refunds")

    stage.play(story)
    assert till.calls == 2


def test_plain_functions_and_partial_ones_may_be_called_too(stage):
    till = Till()

    async def story(hub):
        assert await hub.once("a", till.plain, 3) == 3
        assert await hub.once("b", functools.partial(till.plain, 4)) == 4
        assert await hub.once("c", len, "four", returns=int) == 4
        assert await hub.once("d", max, 1, 2, returns=int) == 2

    stage.play(story)


# What may go in and out


def test_a_result_of_undeclared_type_is_refused_before_the_call(stage):
    called = []

    def unresolvable(amount: "Nowhere") -> "Nowhere":  # noqa: F821
        called.append(amount)

    async def story(hub):
        for function in (called.append, unresolvable):
            with pytest.raises(MisuseError, match="give returns="):
                await hub.once("k", function, 1)
        assert await hub.once("k", lambda amount: {"a": [amount]}, 1, returns=dict) == {"a": [1]}

    stage.play(story)
    assert called == []


class Odd:
    pass


class Card(msgspec.Struct):
    pin: Secret


class Coin(msgspec.Struct):
    worth: int


@pytest.mark.parametrize("kind", [Card, list[Secret], Receipt | Coin, 7])
def test_a_type_that_could_not_be_read_again_is_refused_before_the_call(stage, kind):
    till = Till()

    async def story(hub):
        with pytest.raises(MisuseError, match="cannot be recorded"):
            await hub.once("k", till.plain, 1, returns=kind)

    stage.play(story)
    assert till.calls == 0


@pytest.mark.parametrize("kind", [Odd, list[Odd], dict[str, Odd | None], tuple[int, Odd]])
def test_a_result_that_cannot_be_recorded_is_refused_before_the_call(stage, kind):
    till = Till()

    async def story(hub):
        with pytest.raises(MisuseError, match="holds Odd"):
            await hub.once("k", till.plain, 1, returns=kind)

    stage.play(story)
    assert till.calls == 0


def endless():
    nested = {}
    nested["again"] = nested
    return nested


class Unnamed(msgspec.Struct):
    """What a vendor calls by no text."""

    id: int = 7


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (object(), Any),
        ("\ud800", str),
        (json.loads('{"note": "\\ud800"}'), dict),
        (endless(), dict),
        ("seven", int),
        ("x" * (RESULT_BYTES_MAX + 1), str),
    ],
)
def test_a_result_that_cannot_be_kept_is_given_once_told_and_never_called_for_again(
    stage, result, kind
):
    calls = []

    def odd() -> Any:
        calls.append(1)
        return result

    async def story(hub):
        assert await hub.once("k", odd, returns=kind) is result
        with pytest.raises(AlreadyExistsError, match="'k' stands for was done"):
            await hub.once("k", odd, returns=kind)

    stage.play(story)
    stage.play(again_done(odd, kind))
    assert len(calls) == 1
    (told,) = [one for one in stage.heard if isinstance(one, ResultNotRecorded)]
    assert (told.scope, told.key) == ("once:", "k")


def again_done(function, kind):
    async def story(hub):
        with pytest.raises(AlreadyExistsError):
            await hub.once("k", function, returns=kind)

    return story


def test_a_result_with_an_id_that_is_no_text_is_kept_as_any_other(stage):
    async def story(hub):
        return await hub.once("k", Unnamed, returns=Unnamed)

    assert stage.play(story) == stage.play(story) == Unnamed()


def test_a_result_that_was_recorded_as_another_type_is_named(stage):
    async def story(hub):
        assert await hub.once("k", len, "four", returns=int) == 4

    async def later(hub):
        with pytest.raises(AlreadyExistsError, match="cannot be read"):
            await hub.once("k", len, "four", returns=str)

    stage.play(story)
    stage.play(later)


def test_bad_input_is_refused_before_the_call(stage):
    till = Till()

    async def story(hub):
        with pytest.raises(InvalidRequestError, match="arguments"):
            await hub.once("k", till.ring, object())
        for key, scope in (("", "s"), (" ", ""), ("k", " \n"), (7, ""), (None, ""), ("k", 7)):
            with pytest.raises(InvalidRequestError, match="idempotency_key"):
                await hub.once(key, till.ring, 1, scope=scope)
        with pytest.raises(TypeError):
            await hub.once("k", till.ring)
        assert (await hub.once("k", till.ring, 1)).number == 1

    stage.play(story)


# How it may end


def test_a_known_refusal_frees_the_key(stage):
    till = Till(DeclinedError(reason="declined"))

    async def story(hub):
        with pytest.raises(DeclinedError):
            await hub.once("k", till.ring, 1)
        assert (await hub.once("k", till.ring, 2)).number == 2

    stage.play(story)


@pytest.mark.parametrize("error", [KeyError("x"), OutcomeUnknownError("no answer")])
def test_any_other_error_leaves_the_outcome_unknown_for_good(stage, error):
    till = Till(error)

    async def story(hub):
        with pytest.raises(type(error)):
            await hub.once("k", till.ring, 1)

    async def later(hub):
        with pytest.raises(OutcomeUnknownError, match="may have acted") as caught:
            await hub.once("k", till.ring, 1)
        assert not caught.value.repeatable

    stage.play(story)
    stage.play(later)
    assert till.calls == 1


def test_a_second_caller_is_told_that_the_call_is_under_way(stage):
    go_on = asyncio.Event()

    async def slow(amount: int) -> int:
        await go_on.wait()
        return amount

    async def story(hub):
        first = asyncio.create_task(hub.once("k", slow, 1))
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError, match="under way"):
            await hub.once("k", slow, 1)
        go_on.set()
        return await first, await hub.once("k", slow, 1)

    assert stage.play(story) == (1, 1)


def test_a_cancelled_call_is_in_doubt(stage):
    async def slow() -> None:
        await asyncio.Event().wait()

    async def story(hub):
        first = asyncio.create_task(hub.once("k", slow))
        while not hub.store.in_flight.sending:
            await asyncio.sleep(0)
        await hub.store.next_due([])
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        with pytest.raises(OutcomeUnknownError):
            await hub.once("k", slow)

    stage.play(story)


# Ports


def losing(kind):
    """A class of drivers whose first answer is lost."""

    class Losing:
        def __init__(self, driver):
            self.driver, self.lost = driver, 1

        def __getattr__(self, name):
            return getattr(self.driver, name)

    async def lose(self, new, *, idempotency_key):
        result = await getattr(self.driver, kind)(new, idempotency_key=idempotency_key)
        if self.lost:
            self.lost -= 1
            raise OutcomeUnknownError("no answer")
        return result

    setattr(Losing, kind, lose)
    return Losing


def test_a_ports_verb_is_made_again_under_its_own_key_and_tells_what_became_of_it(stage):
    driver = losing("create_payment")(MemoryPayments())

    async def story(hub):
        gateway = PaymentGateway(driver, Connection("billing", AsyncRuntime()))
        call = functools.partial(
            hub.once, "order-7", gateway.create_payment, TEN, payment_method="good"
        )
        with pytest.raises(OutcomeUnknownError) as caught:
            await call()
        assert caught.value.repeatable
        return await call()

    payment = stage.play(story)
    assert payment.id == "billing:pay_000001"
    assert len(driver._ledger.since(0)) == 1


def test_a_verb_whose_key_the_provider_may_have_forgotten_is_not_made_again(stage):
    driver = losing("create_payment")(MemoryPayments())
    capabilities = driver.capabilities
    driver.capabilities = type(capabilities)(
        capabilities.flags,
        idempotency=Idempotency.NATIVE,
        key_seconds=3_600.0,
        limits=capabilities.limits,
    )

    async def story(hub):
        gateway = PaymentGateway(driver, Connection("billing", AsyncRuntime(), clock=stage.clock))
        call = functools.partial(hub.once, "k", gateway.create_payment, TEN, payment_method="good")
        with pytest.raises(OutcomeUnknownError):
            await call()
        stage.clock.advance(3_600)
        with pytest.raises(OutcomeUnknownError, match="cannot be asked"):
            await call()

    stage.play(story)
    assert len(driver._ledger.since(0)) == 1


@pytest.mark.parametrize("journalled", [True, False])
def test_a_verb_of_a_provider_without_keys_is_made_again_where_a_journal_guards_it(
    stage, journalled
):
    driver = losing("send")(MemorySms(idempotency=Idempotency.NONE, now=stage.clock.now))

    async def story(hub):
        journal = hub.journal if journalled else None
        sender = SmsSender(driver, Connection("texts", AsyncRuntime(), journal=journal))
        call = functools.partial(hub.once, "k", sender.send, to="+4917012345678", body="hello")
        with pytest.raises(OutcomeUnknownError):
            await call()
        if journalled:
            assert (await call()).id == "texts:msg_000001"
        else:
            with pytest.raises(OutcomeUnknownError, match="cannot be asked"):
                await call()

    stage.play(story)
    assert len(driver.messages) == 1


class Lambda:
    """The ways of putting a function around a verb."""

    @staticmethod
    def plain(verb):
        return lambda: verb(TEN, payment_method="good")

    @staticmethod
    def coroutine(verb):
        async def pay() -> Payment:
            return await verb(TEN, payment_method="good")

        return pay

    @staticmethod
    def keyed(verb):
        return lambda: verb(TEN, payment_method="good", idempotency_key="order-7")


@pytest.mark.parametrize("wrapped", [Lambda.plain, Lambda.coroutine, Lambda.keyed])
def test_a_verb_inside_another_function_is_refused_before_anything_is_sent(stage, wrapped):
    driver = MemoryPayments()

    async def story(hub):
        gateway = PaymentGateway(driver, Connection("billing", AsyncRuntime()))
        with pytest.raises(MisuseError, match="Hand over the verb itself"):
            await hub.once("order-7", wrapped(gateway.create_payment), returns=Payment)
        assert driver.requests == 0
        # The key is free, and reading is no matter.
        payment = await hub.once("order-7", gateway.create_payment, TEN, payment_method="good")
        found = await hub.once("look", lambda: gateway.get_payment(payment.id), returns=Payment)
        assert found.id == payment.id

    stage.play(story)


def test_a_write_to_a_store_inside_another_function_is_refused_likewise(stage):
    driver = MemoryStorage()

    async def story(hub):
        store = ObjectStore(driver, Connection("files", AsyncRuntime()))
        with pytest.raises(MisuseError, match="files:put is called in a function"):
            await hub.once("a", lambda: store.put("a.txt", b"a"), returns=ObjectInfo)
        assert driver.requests == 0
        assert (await hub.once("a", store.put, "a.txt", b"a")).size == 1

    stage.play(story)


def test_the_steps_of_a_function_are_calls_of_their_own(stage):
    driver, refuse = MemoryPayments(), [DeclinedError(reason="declined")]

    async def story(hub):
        gateway = PaymentGateway(driver, Connection("billing", AsyncRuntime()))

        async def checkout(amount: str) -> list[str]:
            first = await hub.once(
                "k:pay", gateway.create_payment, Money(amount, "EUR"), payment_method="good"
            )
            if refuse:
                raise refuse.pop()
            return [first.id]

        with pytest.raises(DeclinedError):
            await hub.once("k", checkout, "10.00")
        return await hub.once("k", checkout, "10.00")

    assert stage.play(story) == ["billing:pay_000001"]
    assert len(driver._ledger.since(0)) == 1


def test_a_partial_of_a_verb_is_that_verb(stage):
    driver = losing("create_payment")(MemoryPayments())

    async def story(hub):
        gateway = PaymentGateway(driver, Connection("billing", AsyncRuntime()))
        pay = functools.partial(gateway.create_payment, TEN, payment_method="good")
        with pytest.raises(OutcomeUnknownError):
            await hub.once("order-7", functools.partial(pay, reference="7"))
        payment = await hub.once("order-7", pay, reference="7")
        with pytest.raises(IdempotencyConflictError):
            await hub.once("order-7", pay, reference="8")
        return payment

    assert stage.play(story).reference == "7"
    assert len(driver._ledger.since(0)) == 1


def test_in_threads_alone_it_works_the_same(tmp_path):
    clock, driver = ManualClock(), losing("create_payment")(MemoryPayments())
    store = SqliteStore(tmp_path / "shop.db", clock=clock)
    store.open_blocking()
    journal = StoreJournal(store, blocking=True)
    once = BlockingOnce(journal, clock)
    gateway = BlockingGateway(
        PaymentGateway(driver, Connection("billing", BlockingRuntime(), journal=journal))
    )

    def buy():
        return once("order-7", gateway.create_payment, TEN, payment_method="good")

    with pytest.raises(OutcomeUnknownError):
        buy()
    assert buy().id == buy().id == "billing:pay_000001"
    assert len(driver._ledger.since(0)) == 1
    with pytest.raises(IdempotencyConflictError):
        once("order-7", gateway.create_payment, TEN)
    with pytest.raises(MisuseError, match="Hand over the verb itself"):
        once("order-8", lambda: gateway.create_payment(TEN, payment_method="good"), returns=Payment)
    store.close_blocking()
