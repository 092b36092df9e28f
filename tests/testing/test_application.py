"""The kit for applications, in suites of its users."""

import pytest
from _pytest.pytester import SysModulesSnapshot

pytest_plugins = ["pytester"]

CONFIGURATION = """
[store]
url = "sqlite:shop.db"

[webhooks.billing]
provider = "stripe"
secrets = ["env:NOBODY_SETS_THIS"]

[connections.billing]
provider = "stripe"
secret_key = "env:NOBODY_SETS_THIS"
"""
SHOP = """
from hardpoint import Hub, Money, RetryAfter

hub = Hub.load("hardpoint.toml")
payments = hub.payments("billing")
paid = []


@hub.on("billing", "payment_intent.succeeded")
async def mark_paid(event, job):
    paid.append(event.json()["data"]["object"]["metadata"].get("reference"))


@hub.on("billing", "payment_intent.canceled")
def refuse(event, job):
    raise ValueError("there is no such order")


@hub.on("billing", "customer.created")
def later(event, job):
    raise RetryAfter(60, "not yet")


async def pay(order):
    return await payments.create_payment(
        Money("10", "EUR"),
        payment_method="pm_card_visa",
        reference=order,
        idempotency_key=order,
    )
"""
INI = """[pytest]
filterwarnings = error
pythonpath = .
hardpoint_hub = {hub}
hardpoint_network = loopback
"""


@pytest.fixture
def kept_modules(monkeypatch):
    """A run in this process forgets the application, and nothing else that it imported."""

    def kept(preserve):
        return SysModulesSnapshot(preserve=lambda name: not name.startswith(("test_", "shop")))

    monkeypatch.setattr("_pytest.pytester.SysModulesSnapshot", kept)


@pytest.fixture
def suite(kept_modules, pytester, monkeypatch):
    """Runs a suite of an application in this process; gives its result."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(source, *arguments, hub="shop:hub", shop=SHOP, toml=CONFIGURATION, **outcomes):
        pytester.makeini(INI.format(hub=hub))
        (pytester.path / "hardpoint.toml").write_text(toml)
        pytester.makepyfile(source, shop=shop)
        result = pytester.runpytest_inprocess(
            "-p", "no:xdist", "-p", "no:cacheprovider", *arguments
        )
        if outcomes:
            result.assert_outcomes(**outcomes)
        return result

    return run


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


MANY = """
public_url = "https://shop.example"

[store]
url = "sqlite:shop.db"

[vault]
keyring = "env:NOBODY_SETS_THIS"

[oauth.github]
provider = "github"
client_id = "id"
client_secret = "env:NOBODY_SETS_THIS"

[oauth.staff]
issuer = "https://staff.example"
client_id = "id"

[oauth.open]
provider = "google"
client_id = "id"

[webhooks.texts]
provider = "twilio"
secrets = ["env:NOBODY_SETS_THIS"]

[webhooks.mail]
provider = "sendgrid"
secrets = ["env:NOBODY_SETS_THIS"]

[webhooks.code]
provider = "github"
secrets = ["env:NOBODY_SETS_THIS"]

[webhooks.own]
provider = "standard"
secrets = ["env:NOBODY_SETS_THIS"]
[webhooks.own.forward]
url = "https://elsewhere.example"
secret = "env:NOBODY_SETS_THIS"

[connections.texts]
provider = "twilio"
account_sid = "AC00000000000000000000000000000000"
api_key_sid = "SK00000000000000000000000000000000"
messaging_service_sid = "MG00000000000000000000000000000000"
secret = "vault:texts"

[connections.mail]
provider = "sendgrid"
api_key = "env:NOBODY_SETS_THIS"

[connections.files]
provider = "filesystem"
path = "files"
public_url = "https://shop.example/files"
secret = "env:NOBODY_SETS_THIS"

[connections.bucket]
provider = "aws"
bucket = "of-production"
region = "eu-central-1"
access_key_id = "ASIA0"
secret_access_key = "env:NOBODY_SETS_THIS"
session_token = "env:NOBODY_SETS_THIS"
"""


def test_whatever_a_configuration_names_is_of_this_machine(suite):
    suite(
        """
        import pytest, shop
        from hardpoint import ConfigurationError

        def test_each_source_is_signed_for(hardpoint_hub):
            for source, event in {
                "texts": "message.delivered",
                "mail": "delivered",
                "code": "push",
                "own": "invoice.paid",
            }.items():
                [_] = hardpoint_hub.deliver(source, event)
            assert len(hardpoint_hub.drained()) == 4

        def test_each_connection_leads_here(hardpoint_hub, fake_twilio, fake_aws):
            files = shop.hub.storage("files")
            hardpoint_hub.run(files.put("a/b", b"x"))
            hardpoint_hub.run(shop.hub.storage("bucket").put("a/b", b"x"))
            hardpoint_hub.run(
                shop.hub.sms("texts").send(to="+14155550123", body="b", idempotency_key="k")
            )
            assert [fake_aws.ledger.count("object"), fake_twilio.ledger.count("message")] == [1, 1]
            assert hardpoint_hub.deliver("texts")
            assert len(hardpoint_hub.drained()) == 2

        def test_nothing_is_left(hardpoint_hub, fake_twilio, fake_aws):
            [folder] = hardpoint_hub.hub.settings.store.path.parent.glob("files/path")
            assert not list(folder.iterdir())
            assert fake_aws.ledger.count() == fake_twilio.ledger.count() == 0

        def test_what_only_the_vendor_can_sign_needs_its_fake(hardpoint_hub):
            hardpoint_hub.fake("mail").app.emitter = None
            with pytest.raises(ConfigurationError, match="public keys, which cannot sign"):
                hardpoint_hub.deliver("mail", "delivered")

        def test_it_may_be_reloaded(hardpoint_hub):
            hub = hardpoint_hub.hub
            hardpoint_hub.run(hub.reload())
            assert hub.generation == 2
            [_] = hardpoint_hub.deliver("own", "invoice.paid")
            assert set(hub.settings.identity.oauth) == {"github", "open"}
            assert hub.settings.identity.vault.path.parent == hub.store.path.parent
        """,
        shop="""
        from hardpoint import Hub

        hub = Hub.load("hardpoint.toml")

        for source in hub.settings.webhooks:
            @hub.on(source, name=source)
            async def seen(event, job):
                pass
        """,
        toml=MANY,
        passed=5,
    )


def test_a_source_needs_no_connection(suite):
    suite(
        """
        def test_x(hardpoint_hub):
            assert len(hardpoint_hub.deliver("mail", "delivered")) == 1
        """,
        shop="from hardpoint import Hub\n\nhub = Hub.load('hardpoint.toml')\n",
        toml="""
        store.url = "sqlite:a"
        [webhooks.mail]
        provider = "sendgrid"
        secrets = ["env:NOBODY_SETS_THIS"]
        """,
        passed=1,
    )


@pytest.mark.parametrize("url", ["postgresql://shop@localhost/shop", "env:NOBODY_SETS_THIS"])
def test_an_application_on_postgresql_is_tested_on_files(suite, url):
    suite(
        """
        def test_x(hardpoint_hub):
            [_] = hardpoint_hub.deliver("mail", "delivered")
            settings = hardpoint_hub.hub.settings
            assert settings.store.file.exists()
            assert settings.identity.vault.store is None
        """,
        shop="from hardpoint import Hub\n\nhub = Hub.load('hardpoint.toml')\n",
        toml=f"""
        [store]
        url = "{url}"
        [webhooks.mail]
        provider = "sendgrid"
        secrets = ["env:NOBODY_SETS_THIS"]
        [vault]
        keyring = "env:NOBODY_SETS_THIS"
        """,
        passed=1,
    )


def test_one_that_cannot_start_is_stopped_again(suite):
    result = suite(
        "def test_x(hardpoint_hub): pass",
        shop=SHOP + "\n\nhub.store.path.write_bytes(b'x' * 9999)\n",
        errors=1,
    )
    result.stdout.fnmatch_lines(["*StoreCorruptError: *"])


def test_it_works_under_xdist(pytester):
    pytester.makeini(INI.format(hub="shop:hub"))
    (pytester.path / "hardpoint.toml").write_text(CONFIGURATION)
    pytester.makepyfile(
        """
        import pytest, shop

        @pytest.mark.parametrize("number", range(4))
        def test_x(hardpoint_hub, fake_stripe, number):
            hardpoint_hub.run(shop.pay("order-7"))
            assert len(hardpoint_hub.deliver("billing")) == len(fake_stripe.ledger.entries()) + 1
            hardpoint_hub.drained()
            assert shop.hub.reader().counts()["total"] == 2
        """,
        shop=SHOP,
    )
    pytester.runpytest_subprocess("-n", "2").assert_outcomes(passed=4)


@pytest.mark.parametrize(
    ("hub", "shop", "said"),
    [
        ("", SHOP, "*hardpoint_hub needs a line in the configuration of pytest: hardpoint_hub = *"),
        ("shop:bub", SHOP, "*'shop:bub': shop has no bub. Write module:name"),
        ("shop:paid", SHOP, "*'shop:paid' is no hub but list. Name a hardpoint.Hub, *"),
        (
            "shop:hub",
            "import hardpoint, hardpoint.hub.settings as s\nhub = hardpoint.Hub(s.Settings())",
            "*'shop:hub' keeps the settings of production. Load them from a file, *",
        ),
    ],
)
def test_a_hub_that_is_not_there_is_said_to_be_so(suite, hub, shop, said):
    result = suite("def test_x(hardpoint_hub): pass", hub=hub, shop=shop, errors=1)
    result.stdout.fnmatch_lines([said])


def test_a_function_may_make_it(suite):
    suite(
        """
        made = []

        def test_one(hardpoint_hub):
            made.append(hardpoint_hub.hub)

        def test_another(hardpoint_hub):
            assert made[0] is not hardpoint_hub.hub
            assert made[0].store.path == hardpoint_hub.hub.store.path
            hardpoint_hub.deliver("billing", "charge.succeeded")
        """,
        hub="shop:make",
        shop="from hardpoint import Hub\n\n\ndef make():\n    return Hub.load('hardpoint.toml')\n",
        passed=2,
    )


def test_it_may_be_a_name_below_or_simply_hub(suite):
    source = "def test_x(hardpoint_hub): assert hardpoint_hub.drained() == []"
    suite(source, hub="shop", passed=1)
    suite(source, hub="shop:mark_paid.hub", shop=SHOP + "\n\nmark_paid.hub = hub\n", passed=1)


def test_what_tests_load_is_theirs(suite):
    suite(
        """
        import pytest
        from hardpoint import ConfigurationError, Hub

        def test_another_file(hardpoint_hub, tmp_path, monkeypatch):
            other = tmp_path / "other.toml"
            text = "[connections.a]\\nprovider = 'stripe'\\nsecret_key = 'env:NOBODY'\\n"
            other.write_text(text)
            with pytest.raises(ConfigurationError, match="NOBODY"):
                Hub.load(other)
            assert Hub.load("hardpoint.toml").settings.store.path == hardpoint_hub.hub.store.path
        """,
        passed=1,
    )


def test_a_hub_that_cannot_start_or_go_on_is_shown(suite):
    suite(
        """
        import asyncio
        import pytest, shop

        def test_broken(hardpoint_hub):
            async def cancel_all():
                for task in asyncio.all_tasks() - {asyncio.current_task()}:
                    task.cancel()

            hardpoint_hub.run(cancel_all())
            with pytest.raises(AssertionError, match="cannot work any more"):
                while True:
                    hardpoint_hub.drained()

        def test_a_handler_cannot_wait_for_itself(hardpoint_hub):
            shop.under_test = hardpoint_hub
            hardpoint_hub.deliver("billing", "charge.succeeded")
            [failed] = hardpoint_hub.drained(fails=True)
            assert "drained is for tests: a handler would wait for itself" in failed.error
        """,
        shop=SHOP
        + """

under_test = None


@hub.on("billing", "charge.succeeded")
async def waits(event, job):
    under_test.drained()
""",
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
