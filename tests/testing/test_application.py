"""The kit for applications, in suites of its users."""

from tests.testing.conftest import CONFIGURATION, SHOP

pytest_plugins = ["pytester"]


def test_a_hub_of_a_module_is_started_on_a_store_of_the_tests(suite, pytester):
    suite(
        """
        from shop import hub, paid

        def test_a_sample(hardpoint_hub):
            [event] = hardpoint_hub.deliver(
                "billing",
                "payment_intent.succeeded",
                {"data.object.metadata.reference": "order-7"},
            )
            [ended] = hardpoint_hub.drained()
            assert (ended.event_id, ended.handler, paid) == (event, "mark_paid", ["order-7"])
            assert hardpoint_hub.hub is hub

        def test_nothing_is_left_of_it(hardpoint_hub):
            reader = hub.reader()
            assert reader.counts()["total"] == 0
            reader.close()
            assert hardpoint_hub.drained() == []
            assert hub.store.path.parent.parent.name.startswith("hardpoint-tests-")
        """,
        passed=2,
    )
    assert not list(pytester.path.glob("*.db*"))


def test_its_calls_reach_a_fake_and_the_fakes_webhooks_reach_it(suite):
    suite(
        """
        import shop
        from hardpoint.testing import assert_exactly_once, commit_then_drop

        def test_paid(hardpoint_hub, fake_stripe, hardpoint_clock):
            fake_stripe.faults.next(commit_then_drop())
            hardpoint_hub.run(shop.pay("order-7"))
            assert_exactly_once(fake_stripe, "charge", reference="order-7")
            assert hardpoint_hub.fake("billing") is hardpoint_hub.fake("stripe") is fake_stripe
            assert hardpoint_hub.deliver("billing")
            hardpoint_hub.drained()
            assert shop.paid == ["order-7"]

        def test_another_account(hardpoint_hub, fake_stripe):
            assert fake_stripe.ledger.count() == fake_stripe.requests == 0
            assert hardpoint_hub.deliver("billing") == []
            hardpoint_hub.run(shop.pay("order-7"))
            assert fake_stripe.ledger.count("charge") == 1
        """,
        passed=2,
    )


def test_its_queue_is_a_fake_too(suite, pytester):
    suite(
        """
        import shop

        def test_put(hardpoint_hub):
            hardpoint_hub.run(shop.hub.queue("jobs").send(b"order-7"))
            assert hardpoint_hub.fake("jobs").ledger.count("message") == 1
        """,
        toml=CONFIGURATION
        + """
[connections.jobs]
provider = "aws.sqs"
queue_url = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
access_key_id = "AKIAREAL"
secret_access_key = "env:NOBODY_SETS_THIS"
""",
        passed=1,
    )


def test_what_one_test_did_to_a_circuit_is_not_the_next_ones(suite):
    suite(
        """
        import pytest, shop
        from hardpoint import CircuitOpenError

        @pytest.mark.parametrize("again", range(2))
        def test_open(hardpoint_hub, again):
            circuit = shop.hub.policy("billing").breaker
            assert circuit.state.value == "closed"
            circuit.force_open()
            with pytest.raises(CircuitOpenError):
                hardpoint_hub.run(shop.pay("order-7"))
        """,
        passed=2,
    )


def test_a_handler_that_failed_is_shown_with_its_traceback(suite):
    result = suite(
        """
        def test_fails(hardpoint_hub):
            hardpoint_hub.deliver("billing", "payment_intent.canceled")
            hardpoint_hub.drained()

        def test_meant_to(hardpoint_hub):
            hardpoint_hub.deliver("billing", "payment_intent.canceled")
            [failed] = hardpoint_hub.drained(fails=True)
            assert failed.error.startswith("ValueError")

        def test_put_off_is_not_due(hardpoint_hub):
            hardpoint_hub.deliver("billing", "customer.created")
            assert len(hardpoint_hub.drained(fails=True)) == 1
            assert hardpoint_hub.drained() == []
        """,
        failed=1,
        passed=2,
    )
    result.stdout.fnmatch_lines(
        [
            '*raise ValueError("there is no such order")',
            "E*AssertionError: handler refuse, attempt 1, *; it would be tried again in * s",
            "-*- fake billing at http://127.0.0.1:* -*",
            "nothing reached it",
            "-*- hardpoint handlers -*",
            "refuse, attempt 1, for payment_intent.canceled of billing: failed: ValueError*",
        ]
    )


HANGING = (
    SHOP
    + """

import asyncio

held = None


@hub.on("billing", "charge.succeeded")
async def hold(event, job):
    global held
    held = asyncio.Event()
    await held.wait()


async def free():
    held.set()
"""
)


def test_what_is_still_due_is_told(suite):
    result = suite(
        """
        import pytest, shop

        def test_bounded(hardpoint_hub):
            hardpoint_hub.deliver("billing", "charge.succeeded")
            with pytest.raises(AssertionError) as told:
                hardpoint_hub.drained(0.2)
            assert str(told.value) == (
                "after 0.2 seconds there is still due:"
                "\\n  hold, for charge.succeeded of billing: it runs"
            )
            hardpoint_hub.run(shop.free())
            hardpoint_hub.drained()

        def test_a_test_may_leave_it_so(hardpoint_hub):
            hardpoint_hub.deliver("billing", "charge.succeeded")

        def test_and_the_next_begins_anew(hardpoint_hub):
            assert hardpoint_hub.drained() == []
        """,
        shop=HANGING,
        passed=3,
    )
    assert result.ret == 0


def test_a_mistake_is_told_with_its_remedy(suite):
    suite(
        """
        import pytest
        from hardpoint import ConfigurationError
        from hardpoint.core.errors import MisuseError

        def test_names(hardpoint_hub):
            with pytest.raises(ConfigurationError, match="Configured sources: billing"):
                hardpoint_hub.deliver("bills", "charge.succeeded")
            with pytest.raises(ConfigurationError, match="there is no sample of 'charge.lost'"):
                hardpoint_hub.deliver("billing", "charge.lost")
            with pytest.raises(ConfigurationError, match="There are: billing .stripe."):
                hardpoint_hub.fake("twilio")

        def test_a_body_of_ones_own(hardpoint_hub):
            body = {"id": "evt_1", "type": "charge.lost"}
            assert len(hardpoint_hub.deliver("billing", "charge.lost", body=body)) == 1
            assert len(hardpoint_hub.deliver("billing", "charge.lost", body=b'{"type":"x"}')) == 1
            assert hardpoint_hub.deliver("billing", "charge.lost", body=body) == []

        def test_refused(hardpoint_hub):
            with pytest.raises(AssertionError, match="the hub answered 413 to charge.lost of bill"):
                hardpoint_hub.deliver("billing", "charge.lost", body=b"x" * 2_000_000)
        """,
        passed=3,
    )


def test_async_tests_and_their_own_loop(suite):
    suite(
        """
        import asyncio, pytest, shop

        pytestmark = pytest.mark.anyio

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        async def test_its_calls_are_awaited_here(hardpoint_hub, fake_stripe):
            await shop.pay("order-7")
            assert fake_stripe.ledger.count("charge") == 1
            hardpoint_hub.deliver("billing")
            hardpoint_hub.drained()
            assert shop.paid == ["order-7"]

        async def test_a_lifespan_of_the_application_may_stop_it(hardpoint_hub):
            async with shop.hub:
                hardpoint_hub.deliver("billing", "payment_intent.succeeded")
            hardpoint_hub.deliver("billing", "payment_intent.succeeded")
            hardpoint_hub.drained()

        def test_run_in_a_loop_of_its_own(hardpoint_hub, fake_stripe):
            asyncio.run(shop.pay("order-8"))
            assert fake_stripe.ledger.count("charge") == 1
        """,
        passed=3,
    )


FASTAPI = (
    SHOP
    + """

from contextlib import asynccontextmanager

from fastapi import FastAPI


@asynccontextmanager
async def lifespan(app):
    async with hub:
        yield


app = FastAPI(lifespan=lifespan)
app.mount("/webhooks", hub.asgi())


@app.post("/orders/{order}/pay")
async def paying(order: str):
    return {"status": (await pay(order)).status}
"""
)


def test_a_web_application_whose_lifespan_starts_the_hub(suite):
    suite(
        """
        import pytest, shop
        from hardpoint import MisuseError
        from starlette.testclient import TestClient

        @pytest.fixture
        def client(hardpoint_hub):
            with TestClient(shop.app) as client:
                yield client

        def test_paid(hardpoint_hub, client, fake_stripe):
            assert client.post("/orders/7/pay").json() == {"status": "succeeded"}
            assert hardpoint_hub.deliver("billing")
            hardpoint_hub.drained()
            assert shop.paid == ["7"]
            [event] = fake_stripe.app.emitter.waiting() or [None]
            assert event is None

        def test_paid_again(client, fake_stripe):
            assert client.post("/orders/7/pay").json() == {"status": "succeeded"}
            assert fake_stripe.ledger.count("charge") == 1

        def test_started_before_it_was_there(request):
            with TestClient(shop.app), pytest.raises(MisuseError, match="was started before"):
                request.getfixturevalue("hardpoint_hub")
        """,
        shop=FASTAPI,
        passed=3,
    )


BLOCKING = """
from hardpoint import Money
from hardpoint.sync import Hub

hub = Hub.load("hardpoint.toml")
payments = hub.payments("billing")


def pay(order):
    return payments.create_payment(
        Money("10", "EUR"),
        payment_method="pm_card_visa",
        reference=order,
        idempotency_key=order,
    )
"""


def test_a_blocking_application(suite):
    suite(
        """
        import pytest, shop
        from hardpoint import MisuseError

        @pytest.mark.parametrize("again", range(2))
        def test_paid(hardpoint_hub, fake_stripe, again):
            assert fake_stripe.requests == 0
            shop.pay("order-7")
            assert shop.hub.once("k", lambda: again, returns=int) == again
            assert fake_stripe.ledger.count("charge") == 1
            for use in (
                lambda: hardpoint_hub.deliver("billing"),
                hardpoint_hub.drained,
                lambda: hardpoint_hub.run(nothing()),
            ):
                with pytest.raises(MisuseError, match="name the application's hardpoint.Hub"):
                    use()

        async def nothing():
            pass
        """,
        shop=BLOCKING,
        passed=2,
    )


def test_an_event_of_a_source_that_describes_itself_is_made_and_signed(suite, monkeypatch):
    monkeypatch.setenv("CRM_SECRET", "secret-0123456789")
    suite(
        """
        def test_a_sample(hardpoint_hub):
            [event] = hardpoint_hub.deliver("crm", "deal.won", {"amount": 5})
            reader = hardpoint_hub.hub.reader()
            [stored] = reader.events()
            reader.close()
            assert (stored.id, stored.type, stored.source) == (event, "deal.won", "crm")
        """,
        toml=CONFIGURATION
        + """
[webhooks.crm]
provider = "hmac"
header = "X-Crm-Signature"
id_from = "header:X-Crm-Id"
secrets = ["env:CRM_SECRET"]
""",
        passed=1,
    )
