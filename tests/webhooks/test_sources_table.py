"""The table of ready lines: each is loaded, and verifies what independent signers sign."""

import hmac
import json
import tomllib
from pathlib import Path

import pytest
import resend
from Adyen.util import generate_payload_sig
from box_sdk_gen.internal.utils import compute_webhook_signature
from paddle_billing.Notifications import Secret as PaddleSecret
from paddle_billing.Notifications.PaddleSignature import PaddleSignature
from razorpay.utility.utility import Utility
from standardwebhooks import Webhook
from workos.webhooks._verification import verify_header

from hardpoint.core.errors import ConfigurationError, WebhookError
from hardpoint.hub.settings import Settings
from hardpoint.hub.sources import prepare
from hardpoint.webhooks import WebhookRequest
from hardpoint.webhooks.samples import described_sample
from hardpoint.webhooks.schemes import OneEventScheme

ROOT = Path(__file__).parents[2]
TABLE = tomllib.loads((ROOT / "docs/reference/webhook-sources.toml").read_text())
NOW = 1_764_540_000
SECRETS = {"adyen": "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"}
STANDARD = "whsec_" + "a2V5" * 8
BODY = json.dumps({"id": "e1", "event": "paid", "type": "paid", "trigger": "FILE.UPLOADED"})
DESCRIBED = sorted(name for name, one in TABLE.items() if "lines" in one)
VECTORS = sorted(name for name, one in TABLE.items() if "vector" in one)


def secret_of(name):
    entry = TABLE[name]
    known = entry.get("vector", {}).get("secret") or SECRETS.get(name, "secret-0123456789")
    return STANDARD if '"standard"' in entry["lines"] else known


@pytest.fixture
def source(tmp_path, monkeypatch):
    """The scheme of an entry, as a configuration file makes it."""

    def load(name):
        entry = TABLE[name]
        monkeypatch.setenv("SOURCE_SECRET", secret_of(name))
        url = f'url = "{entry["url"]}"\n' if "url" in entry else ""
        (tmp_path / "hardpoint.toml").write_text(
            f'[store]\nurl = "sqlite:x.db"\n[webhooks.{name}]\n{entry["lines"]}'
            f'secrets = ["env:SOURCE_SECRET"]\n{url}'
        )
        return prepare(Settings.load(tmp_path / "hardpoint.toml"))[0][name].scheme

    return load


def verified(scheme, headers, body=BODY, now=NOW):
    content = body.encode() if isinstance(body, str) else body
    return scheme.verify(WebhookRequest(headers=headers, body=content), now=now).events[0]


def test_thirty_vendors_are_in_the_table():
    assert len(TABLE) == 30
    proved = [name for name, one in TABLE.items() if one["status"] == "verified"]
    assert len(proved) >= 10
    assert all(TABLE[name]["proof"] for name in proved)
    assert {one["status"] for one in TABLE.values()} == {
        "verified",
        "unverified",
        "partly",
        "impossible",
    }


@pytest.mark.parametrize("name", sorted(TABLE))
def test_each_entry_says_where_its_rule_stands_and_what_is_missing(name):
    entry = TABLE[name]
    assert entry["rule"].startswith("https://")
    assert ("lines" in entry) == (entry["status"] != "impossible")
    assert "note" in entry or entry["status"] in {"verified", "unverified"}


@pytest.mark.parametrize("name", DESCRIBED)
def test_each_entry_is_a_source_that_verifies_its_own_signature_alone(source, name):
    scheme = source(name)
    clockwork = scheme.clockwork(NOW) if isinstance(scheme, OneEventScheme) else {}
    body = json.dumps({"id": "e1", **{steps[0]: value for steps, value in clockwork.items()}})
    if isinstance(scheme, OneEventScheme) and scheme.facts.items is not None:
        body = described_sample(scheme, "paid", now=NOW, ids=lambda: "e1").body.decode()
    headers = scheme.sign(body.encode(), now=NOW, event_id="e1", event_type="paid")
    verified(scheme, headers, body)
    with pytest.raises(WebhookError):
        verified(scheme, headers, body + " ")


@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_of_the_vendor_is_verified(source, name):
    vector = TABLE[name]["vector"]
    scheme = source(name)
    headers = list(vector["headers"].items())
    request = WebhookRequest(headers=headers, body=vector["body"].encode())
    scheme.verify(request, now=vector["now"])
    with pytest.raises(WebhookError):
        verified(scheme, headers, vector["body"] + " ", vector["now"])


def test_zooms_question_is_answered_as_its_own_package_answers_it(source):
    """What @zoom/rivet 0.4.0 made of this question."""
    asked = b'"payload":{"plainToken":"q9ibPhGeRZ6ayx5WTrXjRw"},"event_ts":1764540000000}'
    body = b'{"event":"endpoint.url_validation",' + asked
    signed = "v0=cd4ac901948c9b80910c1b74c5cb2b3b58a14bfd5f3fae1359c8637a4eef5446"
    headers = [("x-zm-signature", signed), ("x-zm-request-timestamp", str(NOW))]
    result = source("zoom").verify(WebhookRequest(headers=headers, body=body), now=NOW)
    assert result.events == ()
    assert json.loads(result.reply.body) == {
        "encryptedToken": "386a32b51f4d21fe7a57cda5f10502ff4dae0ab6c688333e13c8a3efb7482e21",
        "plainToken": "q9ibPhGeRZ6ayx5WTrXjRw",
    }


def test_what_the_package_of_adyen_signs(source):
    made = generate_payload_sig(BODY.encode(), SECRETS["adyen"]).decode()
    assert verified(source("adyen"), [("hmacsignature", made)]).type == "paid"


@pytest.mark.parametrize("header", ["BOX-SIGNATURE-PRIMARY", "BOX-SIGNATURE-SECONDARY"])
def test_what_the_package_of_box_signs(source, header):
    sent = "2025-11-30T15:00:00-07:00"
    facts = {
        "box-signature-version": "1",
        "box-signature-algorithm": "HmacSHA256",
        "box-delivery-timestamp": sent,
    }
    made = compute_webhook_signature(BODY, facts, secret_of("box"))
    event = verified(source("box"), [(header, made), *facts.items()])
    assert (event.id, event.type, event.asserted) == ("e1", "FILE.UPLOADED", False)


def test_the_package_of_paddle_takes_what_these_lines_sign(source):
    ((_, value),) = source("paddle").sign(BODY.encode(), now=NOW, event_id="", event_type="")
    assert PaddleSignature().verify(value, BODY, PaddleSecret(secret_of("paddle")))


def test_the_package_of_razorpay_takes_what_these_lines_sign(source):
    headers = dict(source("razorpay").sign(BODY.encode(), now=NOW, event_id="e", event_type=""))
    signature = headers["X-Razorpay-Signature"]
    assert Utility().verify_webhook_signature(BODY, signature, secret_of("razorpay"))


def test_the_package_of_workos_takes_what_these_lines_sign(source):
    ((_, value),) = source("workos").sign(BODY.encode(), now=NOW, event_id="", event_type="")
    verify_header(
        event_body=BODY.encode(),
        event_signature=value,
        secret=secret_of("workos"),
        tolerance=10**9,
    )


def test_the_package_of_resend_takes_what_these_lines_sign(source):
    import time

    now = time.time()
    headers = dict(source("resend").sign(BODY.encode(), now=now, event_id="msg_1", event_type=""))
    resend.Webhooks.verify(
        {
            "payload": BODY,
            "headers": {
                "id": headers["webhook-id"],
                "timestamp": headers["webhook-timestamp"],
                "signature": headers["webhook-signature"],
            },
            "webhook_secret": STANDARD,
        }
    )


@pytest.mark.parametrize(("name", "expected"), [("clerk", "paid"), ("gitlab", "Push Hook")])
def test_what_the_package_of_standard_webhooks_signs(source, name, expected):
    import datetime as dt

    moment = dt.datetime.fromtimestamp(NOW, dt.UTC)
    headers = [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", str(NOW)),
        ("webhook-signature", Webhook(STANDARD).sign("msg_1", moment, BODY)),
        ("X-Gitlab-Event", "Push Hook"),
    ]
    event = verified(source(name), headers)
    assert (event.id, event.type) == ("msg_1", expected)


def test_the_page_is_made_of_the_table():
    page = (ROOT / "docs/reference/webhook-sources.md").read_text()
    for name, one in TABLE.items():
        assert f"## {one['title']}\n" in page
        assert ("lines" not in one) or f"[webhooks.{name}]\n{one['lines'].lstrip()}" in page


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ('provider = "hmac"\nheader = "X"\nsigned = "{timestamp}"', "webhooks.shop.signed"),
        ('provider = "hmac"\nheader = "X"\nsined = "{body}"', "webhooks.shop.sined"),
        ('provider = "hmac"', "webhooks.shop.header"),
        ('provider = "hmac"\nheader = "X"\nusername = "x"', "webhooks.shop.username"),
        ('provider = "basic"\nusername = "x"\nurl = "https://a.example"', "webhooks.shop.url"),
    ],
)
def test_a_source_that_cannot_work_names_its_key(tmp_path, monkeypatch, lines, key):
    monkeypatch.setenv("SOURCE_SECRET", "secret")
    (tmp_path / "hardpoint.toml").write_text(
        f'[store]\nurl = "sqlite:x.db"\n[webhooks.shop]\n{lines}\nsecrets = ["env:SOURCE_SECRET"]\n'
    )
    with pytest.raises(ConfigurationError) as refused:
        prepare(Settings.load(tmp_path / "hardpoint.toml"))
    assert refused.value.key == key


def test_what_nobody_signed_is_forwarded_only_when_told_to(tmp_path, monkeypatch):
    monkeypatch.setenv("FORWARD", STANDARD)
    lines = (
        '[store]\nurl = "sqlite:x.db"\n'
        '[webhooks.shop]\nprovider = "unsigned"\nallow_anyone = true\n'
        '[webhooks.shop.forward]\nurl = "https://a.example"\nsecret = "env:FORWARD"\n'
    )
    path = tmp_path / "hardpoint.toml"
    path.write_text(lines)
    with pytest.raises(ConfigurationError) as refused:
        prepare(Settings.load(path))
    assert refused.value.key == "webhooks.shop.forward.unsigned"
    path.write_text(lines + "unsigned = true\n")
    sources, targets = prepare(Settings.load(path))
    assert (sources["shop"].unsigned, list(targets)) == ("anyone", ["shop"])


def test_hubspot_sends_a_list_and_each_event_is_one(source):
    scheme = source("hubspot")
    events = [{"eventId": 7, "subscriptionType": "deal.creation"}, {"eventId": 8}]
    body = json.dumps(events)
    headers = scheme.sign(body.encode(), now=NOW, event_id="", event_type="")
    request = WebhookRequest(headers=headers, body=body.encode(), url=TABLE["hubspot"]["url"])
    found = scheme.verify(request, now=NOW).events
    assert [(one.id, one.type) for one in found] == [("7", "deal.creation"), ("8", "")]


def test_zoom_asks_for_a_proof(source):
    scheme = source("zoom")
    asked = {
        "event": "endpoint.url_validation",
        "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"},
    }
    body = json.dumps(asked).encode()
    headers = scheme.sign(body, now=NOW, event_id="", event_type="")
    reply = scheme.verify(WebhookRequest(headers=headers, body=body), now=NOW).reply
    proof = hmac.new(secret_of("zoom").encode(), b"qgg8vlvZRS6UYooatFL8Aw", "sha256").hexdigest()
    assert json.loads(reply.body)["encryptedToken"] == proof


def test_asana_has_its_secret_sent_back_and_an_empty_list_is_a_sign_of_life(source):
    scheme = source("asana")
    request = WebhookRequest(headers=[("X-Hook-Secret", "b537")], body=b"{}")
    assert scheme.verify(request, now=NOW).reply.headers == ((b"x-hook-secret", b"b537"),)
    body = b'{"events": []}'
    headers = scheme.sign(body, now=NOW, event_id="", event_type="")
    alive = scheme.verify(WebhookRequest(headers=headers, body=body), now=NOW)
    assert (alive.events, alive.reply.status, alive.malformed) == ((), 200, None)
