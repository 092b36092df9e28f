"""What users hold of a connection: built when it is asked for, from what the configuration says."""

import asyncio

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from hardpoint import Breaker, Policy
from hardpoint.calls.events import CallEnded
from hardpoint.core.errors import (
    ConfigurationError,
    MisuseError,
    ReauthorizationRequiredError,
)
from hardpoint.core.money import Money
from hardpoint.core.secrets import Secret
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.events import ConnectionLost
from hardpoint.hub.hub import Hub
from hardpoint.providers.sendgrid.fake import API_KEY, FakeSendGrid
from hardpoint.providers.stripe.fake import SECRET_KEY, FakeStripe
from hardpoint.providers.twilio.fake import ACCOUNT_SID, AUTH_TOKEN, SENDER, FakeTwilio
from hardpoint.sync import Hub as BlockingHub

CONFIGURATION = """
{top}
[store]
url = "sqlite:events.db"

[connections.billing]
provider = "stripe"
secret_key = "env:HP_STRIPE"
base_url = "{stripe}"
[connections.billing.policy]
preset = "no_retry"

[connections.texts]
provider = "twilio"
account_sid = "{account}"
secret = "env:HP_TWILIO"
from = "{sender}"
base_url = "{twilio}"

[connections.mail]
provider = "sendgrid"
api_key = "env:HP_SENDGRID"
from = "shop@shop.example"
base_url = "{sendgrid}"

[connections.files]
provider = "filesystem"
path = "files"

[webhooks.reports]
provider = "twilio"
secrets = ["env:HP_TWILIO"]
{source}
"""
TWILIO = f'"twilio"\naccount_sid = "{ACCOUNT_SID}"\nsecret = "env:HP_TWILIO"\nfrom = "{SENDER}"'
PUBLIC = 'public_url = "https://shop.example/in/"'
EURO = Money("10", "EUR")


@pytest.fixture
def vendors():
    texting = FakeTwilio(delivers=False)
    mail = FakeSendGrid(delivers=False)
    with (
        FakeServer(FakeStripe()) as stripe,
        FakeServer(texting) as twilio,
        FakeServer(mail) as sendgrid,
    ):
        yield stripe, twilio, sendgrid
    texting.emitter.close()
    mail.emitter.close()


@pytest.fixture
def write(tmp_path, monkeypatch, vendors):
    monkeypatch.setenv("HP_STRIPE", SECRET_KEY)
    monkeypatch.setenv("HP_TWILIO", AUTH_TOKEN)
    monkeypatch.setenv("HP_SENDGRID", API_KEY)
    stripe, twilio, sendgrid = vendors
    (tmp_path / "files").mkdir()

    def write_one(top=PUBLIC, source="", change=lambda text: text):
        text = CONFIGURATION.format(
            top=top,
            source=source,
            stripe=stripe.url,
            twilio=twilio.url,
            sendgrid=sendgrid.url,
            account=ACCOUNT_SID,
            sender=SENDER,
        )
        path = tmp_path / "hardpoint.toml"
        path.write_text(change(text))
        return path

    return write_one


def pay(gateway):
    return gateway.create_payment(EURO, payment_method="pm_card_visa")


def test_a_payment_is_taken_and_its_id_finds_who_took_it(write):
    heard = []

    async def scenario():
        hub = Hub.load(write(), listeners=[heard.append])
        payment = await pay(hub.payments("billing"))
        refund = await hub.payments(payment.id).refund(payment.id)
        await hub.stop()
        return payment, refund

    payment, refund = asyncio.run(scenario())
    assert payment.id.startswith("billing:pi_")
    assert refund.payment_id == payment.id
    assert [event.operation for event in heard if isinstance(event, CallEnded)] == [
        "create_payment",
        "refund",
    ]


def test_the_same_in_a_plain_script(write, vendors):
    with BlockingHub.load(write()) as hub:
        payment = pay(hub.payments("billing"))
        message = hub.sms("texts").send(to="+4917012345678", body="paid")
        assert hub.payments(payment.id).get_payment(payment.id).amount == EURO
        assert hub.sms(message.id).get_message(message.id).body == "paid"
        assert hub.policy("billing").stats().succeeded == 2
    pay(hub.payments("billing"))
    hub.close()
    stripe, _, _ = vendors
    assert stripe.app.ledger.count("charge") == 2


def test_blocking_calls_are_refused_inside_a_running_loop(write, vendors):
    hub = BlockingHub.load(write())

    async def scenario():
        pay(hub.payments("billing"))

    with pytest.raises(MisuseError, match="await"):
        asyncio.run(scenario())
    stripe, _, _ = vendors
    assert stripe.requests == 0


def test_a_renewed_hub_has_forgotten_failures_whatever_its_policies_watch(write):
    guarded, bare = Policy("mail", breaker=Breaker()), Policy("texts")
    hub = Hub.load(write(), policies={"mail": guarded, "texts": bare})
    guarded.breaker.force_open()
    assert hub.open_circuits() == ["mail"]
    hub.renew()
    assert hub.open_circuits() == []


def test_the_names_of_the_blocking_package_are_few():
    import hardpoint.sync

    with pytest.raises(AttributeError, match="Hubb"):
        _ = hardpoint.sync.Hubb


@pytest.mark.parametrize(
    ("top", "source", "url"),
    [
        (PUBLIC, "", "https://shop.example/in/webhooks/reports"),
        (PUBLIC, 'url = "https://shop.example/sms"', "https://shop.example/sms"),
        ("", 'url = "https://shop.example/sms"', "https://shop.example/sms"),
        (
            PUBLIC,
            '[webhooks.more]\nprovider = "twilio"\nsecrets = ["env:HP_TWILIO"]',
            None,  # which of the two is not for us to say
        ),
    ],
)
def test_where_statuses_are_reported_follows_from_the_public_address(write, top, source, url):
    with BlockingHub.load(write(top, source)) as hub:
        driver = hub.sms("texts").asynchronous.driver
        assert driver._settings.status_url == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://shop.example", "not https"),
        ("https://shop.example/?a", "query"),
        ("https://shop.example/#a", "query"),
    ],
)
def test_a_public_address_is_https_and_no_more_than_a_place(write, url, problem):
    with pytest.raises(ConfigurationError, match=problem) as caught:
        BlockingHub.load(write(f'public_url = "{url}"'))
    assert caught.value.key == "public_url"


def test_what_is_not_configured_is_named_with_what_is(write):
    hub = BlockingHub.load(write())
    with pytest.raises(
        ConfigurationError, match=r"connections\.shop: .*billing, files, mail, texts"
    ):
        hub.payments("shop")
    with pytest.raises(ConfigurationError, match=r"billing\.provider: .*no sms.*twilio"):
        hub.sms("billing")
    with pytest.raises(ConfigurationError, match=r"connections\.shop"):
        hub.policy("shop")


def test_a_policy_may_be_given_in_code(write):
    policy = Policy("mine", breaker=Breaker(failures=1))
    with BlockingHub.load(write(), policies={"billing": policy}) as hub:
        pay(hub.payments("billing"))
        assert hub.policy("billing") is policy
    assert policy.stats().succeeded == 1
    with pytest.raises(ConfigurationError, match=r"connections\.shop"):
        BlockingHub.load(write(), policies={"shop": policy})


def test_open_circuits_are_named_with_their_keys(write):
    def by_amount(*args, **kwargs):
        return "large"

    texts = Policy("texts", breaker=Breaker(failures=1))
    mail = Policy("mail", breaker=Breaker(failures=1), key=by_amount)
    hub = Hub.load(write(), policies={"texts": texts, "mail": mail})
    assert hub.open_circuits() == []
    texts.breaker.force_open()
    mail.keyed("large").breaker.force_open()
    hub.policy("billing")
    assert sorted(hub.open_circuits()) == ["mail (large)", "texts"]


def test_a_reload_keeps_what_has_not_changed_and_opens_anew_what_has(write):
    async def scenario():
        told = []
        hub = Hub.load(write(), listeners=[told.append])
        hub.storage("files")
        before = hub.payments("billing")
        texts, policy = hub.sms("texts"), hub.policy("billing")
        texts_policy = hub.policy("texts")

        write(change=lambda text: text.replace('"no_retry"', '"two_retries"'))
        await hub.reload()
        assert hub.payments("billing") is not before
        assert hub.policy("billing") is not policy
        assert (hub.sms("texts"), hub.policy("texts")) == (texts, texts_policy)

        write(PUBLIC.replace("shop", "other"))
        await hub.reload()
        assert hub.sms("texts") is not texts
        assert hub.policy("texts") is texts_policy

        write(change=lambda text: text.replace(f'"{SENDER}"', '"no number"'))
        with pytest.raises(ConfigurationError, match=r"connections\.texts\.from: "):
            await hub.reload()
        assert await pay(before)

        kept = hub.payments("billing")
        write(change=lambda text: text.replace("connections.billing", "connections.shop"))
        assert not [one for one in told if isinstance(one, ConnectionLost)]
        await hub.reload()
        with pytest.raises(ConfigurationError):
            hub.payments("billing")
        assert await pay(kept)  # who holds it may use it to the end
        await hub.reload()
        write(change=lambda text: text.replace('"filesystem"\npath = "files"', TWILIO))
        await hub.reload()
        lost = [one for one in told if isinstance(one, ConnectionLost)]
        assert [(one.connection, one.port) for one in lost] == [
            ("billing", "payments"),
            ("files", "storage"),
        ]
        assert "ConfigurationError" in lost[0].effect
        await hub.stop()

    asyncio.run(scenario())


def test_a_policy_without_a_timeout_leaves_the_transports_own(write):
    policy = Policy("patient")
    with BlockingHub.load(write(), policies={"billing": policy}) as hub:
        assert pay(hub.payments("billing"))


def test_a_text_with_a_key_is_sent_once_whoever_asks_again(write, vendors):
    _, twilio, sendgrid = vendors
    asked = {"to": "+4917012345678", "body": "paid", "idempotency_key": "order-7"}
    letter = {"to": "ann@b.example", "subject": "s", "text": "t", "idempotency_key": "order-7"}
    with BlockingHub.load(write()) as hub:
        sent = hub.email("mail").send(**letter)
        assert hub.email("mail").send(**letter).id == sent.id
        first = hub.sms("texts").send(**asked)
        assert hub.sms("texts").send(**asked).id == first.id
        assert hub.once("greet", str.upper, "hi", returns=str) == "HI"

    async def scenario():
        hub = Hub.load(write())
        again = await hub.sms("texts").send(**asked)
        letter_again = await hub.email("mail").send(**letter)
        await hub.stop()
        return again.id, letter_again.id

    assert asyncio.run(scenario()) == (first.id, sent.id)
    assert sendgrid.app.ledger.count("email") == 1
    assert twilio.app.ledger.count("message") == 1


def test_files_are_kept_by_whoever_keeps_them(write):
    with BlockingHub.load(write()) as hub:
        hub.storage("files").put("a/b", b"hello")

    async def scenario():
        hub = Hub.load(write())
        found = await hub.storage("files").get("a/b")
        await hub.stop()
        return found.data

    assert asyncio.run(scenario()) == b"hello"


def test_plain_functions_beside_a_hub_write_their_calls_down_in_its_store(write, vendors):
    twilio = vendors[1]
    asked = {"to": "+4917012345678", "body": "paid", "idempotency_key": "order-7"}

    async def scenario():
        async with Hub.load(write()) as hub:
            plain = BlockingHub(hub.settings, store=hub.store)
            first = await asyncio.to_thread(lambda: plain.sms("texts").send(**asked))
            again = await hub.sms("texts").send(**asked)
            await asyncio.to_thread(plain.close)
            assert hub.store.is_open
            return first == again

    assert asyncio.run(scenario())
    assert twilio.app.ledger.count("message") == 1


def test_a_folder_that_is_not_there_is_told_by_its_key(tmp_path):
    path = tmp_path / "hardpoint.toml"
    connection = '[connections.files]\nprovider = "filesystem"\npath = "files"\n'
    path.write_text(f'[store]\nurl = "sqlite:events.db"\n{connection}')
    with pytest.raises(ConfigurationError) as caught:
        Hub.load(path)
    assert caught.value.key == "connections.files.path"


def test_a_folder_s_signed_urls_are_served_by_the_application_and_a_vendor_s_are_not(
    write, monkeypatch
):
    monkeypatch.setenv("HP_FILES", "f" * 32)
    signed = 'path = "files"\nsecret = "env:HP_FILES"\npublic_url = "http://localhost/files"'

    async def scenario():
        hub = Hub.load(write(change=lambda text: text.replace('path = "files"', signed)))
        await hub.storage("files").put("a/b", b"hello")
        url = await hub.storage("files").sign_url("a/b", expires=60)
        upload = await hub.storage("files").sign_url("a/c", method="PUT", expires=60)
        served = hub.file_server("files")
        narrow = hub.file_server("files", body_bytes_max=3)
        for server, size in ((served, 4), (narrow, 3)):
            app = Starlette(routes=[Mount("/files", server)])
            async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as browser:
                answer = await browser.get(url)
                assert (await browser.put(upload, content=b"x" * size)).status_code == 201
                assert server is served or (await browser.put(upload, content=b"four")).is_error
        assert hub.file_server("billing") is None
        await hub.stop()
        return answer.content

    assert asyncio.run(scenario()) == b"hello"


def test_a_folder_without_a_secret_has_no_signed_urls_to_serve(write):
    with pytest.raises(ConfigurationError) as caught:
        Hub.load(write()).file_server("files")
    assert caught.value.key == "connections.files.secret"


VAULT = """
public_url = "https://shop.example"
[vault]
path = "vault.db"
keyring = "env:HP_KEYRING"
"""


def test_a_key_may_be_in_the_vault(write, vendors, monkeypatch):
    monkeypatch.setenv("HP_KEYRING", "k1:" + "A" * 43 + "=")

    def change(text):
        text = text.replace("env:HP_STRIPE", "vault:shop").replace("[store]", "KEEP", 1)
        store, _, rest = text.partition("KEEP")[2].partition("[connections")
        return f"{VAULT}[store]{store}[connections{rest}"

    with BlockingHub.load(write(change=change)) as hub:
        with pytest.raises(ReauthorizationRequiredError):
            pay(hub.payments("billing"))
        assert vendors[0].requests == 0
        hub.vault.put_key("shop", Secret.value(SECRET_KEY))
        assert pay(hub.payments("billing")).amount == EURO

    async def scenario():
        async with Hub.load(write(change=change)) as hub:
            return (await pay(hub.payments("billing"))).amount

    assert asyncio.run(scenario()) == EURO


def test_a_key_cannot_be_in_a_vault_that_is_not_there(write):
    path = write(change=lambda text: text.replace("env:HP_STRIPE", "vault:shop"))
    with pytest.raises(ConfigurationError, match="there is none") as caught:
        Hub.load(path)
    assert caught.value.key == "connections.billing.secret_key"
