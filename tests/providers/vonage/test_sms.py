"""What is special about Vonage's messages: tokens, references, pools, templates; and its fake."""

import base64
import json
from importlib import import_module

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from hardpoint.core.errors import AuthenticationError, ConfigurationError, InvalidRequestError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.providers.vonage.fake import API_KEY, API_SECRET, SENDER, TEMPLATE, FakeVonage
from hardpoint.providers.vonage.reading import event
from hardpoint.providers.vonage.tokens import ApplicationToken
from hardpoint.runtime.blocking import run
from hardpoint.sms.types import MessageTemplate, NewMessage
from hardpoint.testing.clock import ManualClock
from hardpoint.testing.conformance.served import driver_of

auth = import_module("vonage_http_client")
messages = import_module("vonage_messages")
jwt = import_module("jwt")

TO = "+4917012345678"
APPLICATION = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"


def pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def public(key):
    form = PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(Encoding.PEM, form).decode()


def new(**options):
    return NewMessage(**({"to": TO, "body": "hello", "key": "order-7"} | options))


def asked(scripted, message, **settings):
    """What a message is on the wire."""
    scripted.vendor.reply = FakeReply.json({"message_uuid": "m1"}, 202)
    scripted.do(scripted.driver(**settings).send(message, idempotency_key="send:order-7"))
    return scripted.vendor.received[-1]


THEIRS = {
    "plain": (
        messages.Sms(to="4917012345678", from_="15005550006", text="hi ü", client_ref="order-7"),
        {"body": "hi ü"},
    ),
    "pool": (
        messages.Sms(
            to="4917012345678",
            from_="15005550006",
            text="hi",
            client_ref="order-7",
            ttl=60,
            sms=messages.SmsOptions(pool_id="pool-1"),
        ),
        {"body": "hi", "service": "pool-1", "validity": 60},
    ),
    "template": (
        messages.WhatsappTemplate(
            to="4917012345678",
            from_="15005550006",
            client_ref="order-7",
            template=messages.WhatsappTemplateResource(name="shop:greeting", parameters=["A", "B"]),
            whatsapp=messages.WhatsappTemplateSettings(policy="deterministic", locale="en_US"),
        ),
        {
            "to": f"whatsapp:{TO}",
            "body": "",
            "template": MessageTemplate("shop:greeting", {"2": "B", "1": "A"}, "en_US"),
        },
    ),
}


@pytest.mark.parametrize("name", THEIRS)
def test_the_official_package_says_what_we_say(scripted, name):
    theirs, options = THEIRS[name]
    ours = asked(scripted, new(**options))
    document = json.loads(theirs.model_dump_json(by_alias=True, exclude_none=True))
    assert json.loads(ours.body) == document
    pair = base64.b64encode(f"{API_KEY}:{API_SECRET}".encode()).decode()
    credentials = auth.Auth(api_key=API_KEY, api_secret=API_SECRET)
    assert (
        ours.headers["authorization"] == credentials.create_basic_auth_string() == f"Basic {pair}"
    )


def test_the_official_packages_messages_are_taken_by_the_fake(account):
    for theirs, _ in THEIRS.values():
        document = json.loads(theirs.model_dump_json(by_alias=True, exclude_none=True))
        if len(document.get("template", {}).get("parameters", ())) < 2:
            assert account.vendor._read(document)["to"] == "4917012345678"


def test_a_token_is_signed_as_the_official_package_signs_it(scripted, key):
    settings = {"application_id": APPLICATION, "private_key": pem(key)}
    received = asked(scripted, new(), api_key=None, api_secret=None, **settings)
    ours = received.headers["authorization"].removeprefix("Bearer ")
    credentials = auth.Auth(application_id=APPLICATION, private_key=pem(key))
    theirs = credentials.create_jwt_auth_string().decode().removeprefix("Bearer ")
    one, other = (
        jwt.decode(token, key.public_key(), algorithms=["RS256"]) for token in (ours, theirs)
    )
    assert one.keys() == other.keys()
    assert one["application_id"] == other["application_id"] == APPLICATION
    assert one["exp"] - one["iat"] == other["exp"] - other["iat"]
    assert jwt.get_unverified_header(ours) == jwt.get_unverified_header(theirs)


def test_an_application_opens_the_fake_and_another_key_does_not(served, key, public):
    vendor = FakeVonage(applications={APPLICATION: public}, delivers=False)
    account = served(vendor, lambda *at, **more: driver_of(vendor, *at, **more))
    none = {"api_key": None, "api_secret": None, "application_id": APPLICATION}
    driver = account.driver(private_key=pem(key), **none)
    assert account.do(driver.send(new(), idempotency_key="k")).from_ == SENDER
    other = rsa.generate_private_key(65537, 2048)
    with pytest.raises(AuthenticationError):
        account.do(account.driver(private_key=pem(other), **none).send(new(), idempotency_key="k"))
    vendor._applications[APPLICATION] = ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(AuthenticationError):
        account.do(driver.send(new(), idempotency_key="k"))


@pytest.mark.parametrize("token", ["x", "a.b.c", "e30.e30.e30", ""])
def test_the_fake_believes_no_other_token(token):
    assert not FakeVonage()._believed(token)


def test_a_token_lasts_and_is_made_anew_in_time(key):
    clock = ManualClock()
    token = ApplicationToken(APPLICATION, Secret.value(pem(key)), clock)
    first = run(token.headers())
    run(token.rejected(first))
    clock.advance(800)
    assert run(token.headers()) == first
    clock.advance(60)
    renewed = run(token.headers())
    assert renewed != first
    assert renewed[0][1].removeprefix("Bearer ") in token.secrets()
    assert (token.permits("api.nexmo.com"), token.permits("evil.example")) == (True, False)


@pytest.mark.parametrize("kind", ["none", "ec"])
def test_what_is_no_key_of_an_application_is_told_without_it(kind):
    text = "no key at all" if kind == "none" else pem(ec.generate_private_key(ec.SECP256R1()))
    token = ApplicationToken(APPLICATION, Secret.value(text), ManualClock())
    with pytest.raises(ConfigurationError) as caught:
        run(token.headers())
    assert caught.value.key == "private_key"
    assert text not in str(caught.value)


@pytest.mark.parametrize(("key_length", "reference"), [(100, "k" * 100), (101, "send:order-7")])
def test_the_key_goes_along_where_it_fits_and_comes_back_with_the_event(
    scripted, key_length, reference
):
    document = json.loads(asked(scripted, new(key="k" * key_length)).body)
    assert document["client_ref"] == reference
    told = event(json.dumps({"message_uuid": "m", "status": "read", **document}).encode())
    assert told.idempotency_key == reference


def test_the_address_for_statuses_goes_along(scripted):
    received = asked(scripted, new(), status_url="https://shop.example/webhooks/texts")
    document = json.loads(received.body)
    assert document["webhook_url"] == "https://shop.example/webhooks/texts"
    assert document["webhook_version"] == "v1"


@pytest.mark.parametrize(
    ("options", "settings", "field"),
    [
        ({"service": "pool-1", "to": f"whatsapp:{TO}"}, {}, "service"),
        ({"to": f"rcs:{TO}"}, {}, "from_"),
        ({"service": "pool-1"}, {"from_": None}, "from_"),
        ({"template": MessageTemplate("a", language="en_US")}, {}, "template"),
        ({"template": MessageTemplate("a"), "to": f"whatsapp:{TO}"}, {}, "template.language"),
        (
            {"template": MessageTemplate("a", {"name": "x"}, "en_US"), "to": f"whatsapp:{TO}"},
            {},
            "template.variables",
        ),
    ],
)
def test_what_vonage_cannot_do_is_refused_before_anything_is_sent(
    account, options, settings, field
):
    with pytest.raises(InvalidRequestError) as caught:
        account.do(account.driver(**settings).send(new(**options), idempotency_key="k"))
    assert caught.value.field == field
    assert account.server.requests == 0


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"ttl": 1}, "validity"),
        ({"sms": {"pool_id": "other"}}, "service"),
        ({"sms": {"colour": "red"}}, "service"),
        ({"webhook_version": "v2"}, None),
        ({"webhook_url": "nowhere"}, "status_url"),
        ({"colour": "red"}, None),
        ({"failover": []}, None),
    ],
)
def test_the_fake_refuses_what_vonage_does_not_know(account, extra, field):
    driver = account.driver()
    with pytest.raises(InvalidRequestError) as caught:
        account.do(driver.send(new(extra=extra), idempotency_key="k"))
    assert caught.value.field == field
    assert account.vendor.ledger.count("refusal") == 1


def template(*values):
    variables = {str(place): value for place, value in enumerate(values, 1)}
    options = {"to": f"whatsapp:{TO}", "body": ""}
    return new(template=MessageTemplate(TEMPLATE, variables, "en_US"), **options)


def test_the_fakes_template_has_one_variable_at_most(account):
    driver = account.driver()
    account.do(driver.send(template(), idempotency_key="k"))
    account.do(driver.send(template("Ann"), idempotency_key="k"))
    with pytest.raises(InvalidRequestError) as caught:
        account.do(driver.send(template("Ann", "Lee"), idempotency_key="k"))
    assert caught.value.field == "template"
    assert [one["text"] for one in account.vendor.messages.values()] == ["Hello ", "Hello Ann"]


def test_a_text_that_is_too_long_for_its_channel_is_refused(account):
    with pytest.raises(InvalidRequestError) as caught:
        account.do(account.driver().send(new(body="x" * 3201), idempotency_key="k"))
    assert (caught.value.field, caught.value.vendor_code) == ("body", "1090")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/messages", b"", 403),
        ("POST", "/v1/elsewhere", b"{}", 404),
        ("POST", "/v1/messages", b"[", 422),
        ("POST", "/v1/messages", b"[]", 422),
    ],
)
def test_the_fake_answers_nothing_else(method, path, body, status):
    vendor = FakeVonage()
    pair = base64.b64encode(f"{API_KEY}:{API_SECRET}".encode()).decode()
    received = Received(
        method=method, target=path, headers={"authorization": f"Basic {pair}"}, body=body
    )
    assert vendor.answer(received).status == status


@pytest.mark.parametrize(
    ("to", "statuses"),
    [
        ("+15005550004", ["rejected"]),
        ("+15005550009", ["undeliverable"]),
        ("+4917012345678", ["submitted", "delivered"]),
    ],
)
def test_the_recipient_says_what_becomes_of_a_message(served, to, statuses):
    vendor = FakeVonage()
    account = served(vendor, lambda *at, **more: driver_of(vendor, *at, **more))
    account.do(account.driver().send(new(to=to), idempotency_key="k"))
    told = [event(one.body) for one in vendor.emitter.pending()]
    assert [one.vendor_status for one in told] == statuses


def test_who_answers_stop_is_rejected_until_they_answer_start(served):
    vendor = FakeVonage()
    account = served(vendor, lambda *at, **more: driver_of(vendor, *at, **more))
    for word, status in (("STOP", "rejected"), ("START", "delivered")):
        vendor.receive(TO, word)
        account.do(account.driver().send(new(), idempotency_key="k"))
        assert event(vendor.emitter.pending()[-1].body).vendor_status == status
