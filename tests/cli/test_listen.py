"""`hardpoint listen`: what comes, what the application says, and a tunnel of one's own."""

import asyncio
import json
import os
import signal
import socket
import sys
import time

import httpx2
import pytest
from tests.cli.conftest import Stage

from hardpoint.cli.tunnels import public_url
from hardpoint.hub.settings import Settings, SourceSettings
from hardpoint.runtime.clocks import SystemClock
from hardpoint.service.relay import AT_ONCE, Relay
from hardpoint.webhooks import WebhookRequest, scheme
from hardpoint.webhooks.diagnosis import Diagnosis
from hardpoint.webhooks.steps import steps_of

BODY = b'{"id": "evt_1", "type": "payment_intent.succeeded", "livemode": false}'
SECRET = "whsec_test_secret"


class Listening(Stage):
    """Runs `hardpoint listen`, and a visitor with its address."""

    def __init__(self, visit, stop=signal.SIGINT):
        def where(first):
            return first["url"] if isinstance(first, dict) else first.split()[-1]

        super().__init__(visit, where=where, stop=stop)

    def run(self, *arguments):
        return super().run("listen", *arguments, "--port", "0")

    @property
    def told(self):
        return [json.loads(line) for line in self.lines[1:]]


def signed(secret=SECRET, age=0.0):
    proof = scheme("stripe", secrets=[secret]).sign(
        BODY, now=time.time() - age, event_id="evt_1", event_type=""
    )
    return dict(proof)


def deliver(where, source="billing", *, body=BODY, headers=None, query=""):
    return httpx2.post(
        f"{where}/webhooks/{source}{query}",
        content=body,
        headers=signed() if headers is None else headers,
    )


def test_a_verified_request_goes_on_as_it_came_and_the_answer_comes_back(config, receiver):
    receiver.status, receiver.headers = 202, {"x-shop": "7"}
    answers = []

    def visit(where):
        answers.append(deliver(where, query="?a=1&b=%20", headers={**signed(), "x-extra": "yes"}))

    stage = Listening(visit)
    base = receiver.url.rpartition("/webhooks")[0]
    assert stage.run("billing", "--forward-to", f"{base}/hooks/{{source}}?key=1", "--json") == 0
    (request,), (answer,) = receiver.requests, answers
    assert request.path == "/hooks/billing?key=1&a=1&b=%20"
    assert request.body == BODY
    sent = {name.lower(): value for name, value in request.headers.items()}
    assert sent["x-extra"] == "yes"
    # It verifies there too, since nothing was changed on its way.
    again = WebhookRequest(headers=list(sent.items()), body=request.body)
    assert scheme("stripe", secrets=[SECRET]).verify(again, now=time.time()).events[0].id == "evt_1"
    assert (answer.status_code, answer.headers["x-shop"]) == (202, "7")
    assert answer.json() == {"status": "stored"}
    (told,) = stage.told
    assert (told["source"], told["type"], told["id"]) == (
        "billing",
        "payment_intent.succeeded",
        "evt_1",
    )
    assert (told["verified"], told["reason"], told["status"]) == (True, "verified", 202)
    assert [(one["name"], one["ok"]) for one in told["steps"]] == [
        ("header", True),
        ("signature", True),
        ("time", True),
        ("event", True),
    ]
    assert 0 < told["milliseconds"] < 10_000
    assert told["answer"] == '{"status":"stored"}'
    assert "headers" not in told


def test_a_forged_request_is_answered_401_and_reaches_nobody(config, receiver):
    answers = []

    def visit(where):
        answers.append(deliver(where, headers=signed("whsec_other")))
        answers.append(deliver(where, headers=signed(age=4000)))
        answers.append(deliver(where, headers={}))
        answers.append(deliver(where, body=b"not json", headers=_of(b"not json")))
        answers.append(deliver(where, "nope"))
        answers.append(httpx2.get(f"{where}/webhooks/nope"))
        answers.append(httpx2.get(f"{where}/webhooks/billing"))

    stage = Listening(visit, signal.SIGTERM)
    assert stage.run("stripe", "--forward-to", receiver.url, "--print-headers") == 0
    assert [one.status_code for one in answers] == [401, 401, 401, 200, 404, 405, 405]
    assert [one.body for one in receiver.requests] == [b"not json"]
    assert "header ok, signature failed, event not reached" in stage.text
    assert "signature_mismatch: " in stage.text
    assert "header ok, signature ok, time failed, event not reached" in stage.text
    assert "header failed, signature not reached" in stage.text
    assert "event failed" in stage.text
    assert "no such source" in stage.text
    assert "stripe-signature: ****" in stage.text
    assert "v1=" not in stage.text, "a proof was printed"


def _of(body):
    return dict(
        scheme("stripe", secrets=[SECRET]).sign(body, now=time.time(), event_id="", event_type="")
    )


def test_an_application_that_is_down_or_silent_is_a_502_that_vendors_repeat(config, receiver):
    answers = []

    def visit(where):
        answers.append(deliver(where))
        receiver.status = 200
        receiver.body = b"x" * (1024 * 1024 + 1)
        answers.append(deliver(where))

    receiver.status = None  # it hangs up without a word
    stage = Listening(visit)
    assert stage.run("billing", "--forward-to", receiver.url) == 0
    assert [one.status_code for one in answers] == [502, 502]
    assert "gave no whole answer" in stage.text
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        stage = Listening(lambda where: answers.append(deliver(where)))
        assert stage.run("billing", "--forward-to", address) == 0
    assert answers[-1].status_code == 502
    assert f"forwards to http://{address}/webhooks/billing" in stage.text


def test_a_body_beyond_the_bound_is_refused_unread_and_said_at_the_end(config, receiver):
    answers = []

    def visit(where):
        answers.append(deliver(where, body=b"x" * (11 * 1024 * 1024), headers={}))

    stage = Listening(visit)
    assert stage.run("billing", "--forward-to", receiver.url) == 0
    assert answers[0].status_code == 413
    assert receiver.requests == []
    assert "refused unread: 1 x billing: too_large" in stage.said.getvalue()


def test_each_source_has_a_cap_of_its_own(config, receiver):
    config.write_text(config.read_text() + "body_bytes_max = 50\n")
    answers = []

    def visit(where):
        proof = scheme("github", secrets=[SECRET]).sign(
            BODY, now=time.time(), event_id="1", event_type="push"
        )
        answers.append(deliver(where, "code", headers=dict(proof)))

    stage = Listening(visit)
    assert stage.run("--forward-to", receiver.url) == 0
    assert answers[0].status_code == 413
    assert "larger than this source takes" in stage.text


def test_a_provider_needs_no_configuration(folder, receiver):
    answers = []
    stage = Listening(lambda where: answers.append(deliver(where, "stripe")))
    arguments = ("stripe", "--secret", "env:SECRET", "--forward-to", receiver.url)
    assert stage.run(*arguments) == 0
    assert answers[0].status_code == 200
    assert "register    http://127.0.0.1:" in stage.text


def test_a_handshake_is_answered_as_it_is_configured(folder, receiver):
    (folder / "hardpoint.toml").write_text(
        '[store]\nurl = "sqlite:x.db"\n[webhooks.crm]\nprovider = "unsigned"\n'
        'addresses = ["127.0.0.1"]\n'
        'handshake = { query = "challenge" }\n'
    )
    answers = []
    stage = Listening(
        lambda where: answers.append(httpx2.get(f"{where}/webhooks/crm?challenge=abc"))
    )
    assert stage.run("--forward-to", receiver.url) == 0
    assert (answers[0].status_code, answers[0].text) == (200, "abc")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nope",), "has no such source: nope"),
        (("--secret", "env:SECRET"), "--secret goes with one provider"),
        (("hmac", "--secret", "env:SECRET"), "--secret goes with one provider"),
        (("--tunnel", "x", "--public-url", "https://a.example"), "--tunnel says itself"),
        (("--tunnel", "ngrok"), "is a command with {url} in it"),
        (("--tunnel", "'"), "--tunnel cannot be read"),
        (("--tunnel", "/nowhere/at/all {url}"), "cannot be started"),
        (("--forward-to", "https://shop.example/hooks"), "is not this machine"),
        (("--public-url", "ftp://x"), "is not an http or https URL"),
    ],
)
def test_what_cannot_work_is_said_with_the_next_step(config, cli, arguments, told):
    done = cli("listen", *arguments, "--port", "0")
    assert done.code in {2, 3, 5}
    assert told in done.err
    assert "next:" in done.err


def test_a_missing_secret_is_named_and_those_of_others_are_not_needed(config, cli, monkeypatch):
    config.write_text(
        config.read_text().replace('["env:SECRET"]', '["env:MISSING"]', 1)
        + '[connections.pay]\nprovider = "stripe"\nsecret_key = "env:NONE"\n'
    )
    done = cli("listen", "billing", "--port", "0")
    assert (done.code, "webhooks.billing.secrets[0]" in done.err) == (3, True)
    stage = Listening(lambda _: None)
    assert stage.run("code") == 0
    assert "forwards to http://127.0.0.1:8000/webhooks/code" in stage.text


def test_the_server_that_runs_is_where_it_goes(config, cli, server):
    server.public = "http://127.0.0.1:8765"
    stage = Listening(lambda _: None)
    assert stage.run("billing") == 0
    assert "forwards to http://127.0.0.1:8765/webhooks/billing" in stage.text
    server.public = "unix:/run/shop.sock"
    done = cli("listen", "--port", "0")
    assert (done.code, "--forward-to" in done.err) == (2, True)


# The tunnel

_TUNNEL = """
import os, signal, sys, time
print("Thank you (https://developers.tunnel.example/apps) terms (https://www.tunnel.example/terms/)")
print("forwarding", sys.argv[1], flush=True)
open("tunnel.pid", "w").write(str(os.getpid()))
{then}
"""
_TELLS = 'print("|  https://shop-{}.tunnel.example  |".format(1), flush=True)\n'


def tunnel_of(folder, then):
    (folder / "tunnel.py").write_text(_TUNNEL.replace("{then}", then))
    return f"{sys.executable} tunnel.py {{url}}"


def alive(folder):
    try:
        os.kill(int((folder / "tunnel.pid").read_text()), 0)
    except ProcessLookupError:
        return False
    return True


def test_a_tunnel_is_started_its_address_told_and_it_ends_with_the_command(config, receiver):
    command = tunnel_of(config.parent, _TELLS + "print('x' * 200_000)\ntime.sleep(100)")
    answers = []
    stage = Listening(lambda where: answers.append(deliver(where)))
    assert stage.run("billing", "--forward-to", receiver.url, "--tunnel", command) == 0
    assert "register    https://shop-1.tunnel.example/webhooks/billing" in stage.text
    assert answers[0].status_code == 200
    assert not alive(config.parent)


def test_a_signed_address_is_that_of_the_tunnel(folder, receiver, monkeypatch):
    (folder / "hardpoint.toml").write_text(
        '[store]\nurl = "sqlite:x.db"\n[webhooks.texts]\nprovider = "twilio"\n'
        'secrets = ["env:SECRET"]\n'
        'url = "https://shop.example/webhooks/texts"\n'
    )
    monkeypatch.setenv("SECRET", "12345")
    body = b"MessageSid=SM1&MessageStatus=sent&AccountSid=AC1"
    url = "https://shop-1.tunnel.example/webhooks/texts"
    proof = scheme("twilio", secrets=["12345"], url=url).sign(
        body, now=time.time(), event_id="", event_type=""
    )
    headers = {**dict(proof), "content-type": "application/x-www-form-urlencoded"}
    answers = []
    stage = Listening(
        lambda where: answers.append(deliver(where, "texts", body=body, headers=headers))
    )
    public = ("--public-url", "https://shop-1.tunnel.example/")
    assert stage.run("--forward-to", receiver.url, *public) == 0
    assert (answers[0].status_code, f"register    {url}" in stage.text) == (200, True)


def test_a_tunnel_that_ends_by_itself_ends_the_command(config, cli):
    command = tunnel_of(config.parent, _TELLS + "sys.exit(3)")
    done = cli("listen", "billing", "--tunnel", command, "--port", "0")
    assert done.code == 4
    assert "the tunnel has ended" in done.err


def test_a_tunnel_that_never_says_where_it_is_is_told_with_its_last_words(config, cli):
    command = tunnel_of(config.parent, 'print("no account"); sys.exit(3)')
    done = cli("listen", "billing", "--tunnel", command, "--port", "0")
    assert (done.code, "ended (3)" in done.err, "no account" in done.err) == (4, True, True)
    assert "--public-url" in done.err


def test_a_tunnel_that_stays_silent_is_ended_even_if_it_does_not_listen(config, cli, monkeypatch):
    monkeypatch.setattr("hardpoint.cli.tunnels.START_SECONDS", 0.5)
    monkeypatch.setattr("hardpoint.cli.tunnels.STOP_SECONDS", 0.2)
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(100)"
    done = cli("listen", "billing", "--tunnel", tunnel_of(config.parent, deaf), "--port", "0")
    assert (done.code, "named no https address" in done.err) == (4, True)
    assert not alive(config.parent)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("|  https://foo-bar.trycloudflare.com      |", "https://foo-bar.trycloudflare.com"),
        ("lvl=info addr=http://localhost:80 url=https://ab.ngrok.app", "https://ab.ngrok.app"),
        ("your url is: https://x.loca.lt", "https://x.loca.lt"),
        ('{"url":"https://x.example:8443/"}', "https://x.example:8443"),
        ("\x1b[36mhttps://x.serveo.net\x1b[0m", "https://x.serveo.net"),
        ("It is https://x.example.", "https://x.example"),
        ("see https://developers.example/docs", None),
        ("log in: https://login.example?code=1", None),
        ("https://localhost:8000 https://127.0.0.1", None),
        ("https://intranet", None),
        ("http://x.example", None),
        ("x" * 100_000 + " https://x.example", None),
    ],
)
def test_a_tunnels_own_address_is_told_from_its_pages_of_help(line, found):
    assert public_url(line) == found


# The relay itself


class Slow:
    """A transport whose answers never come."""

    async def send(self, request):
        await asyncio.Event().wait()


def test_no_more_than_so_many_are_under_way_and_a_stop_answers_them_all():
    source = SourceSettings(
        name="any", provider="unsigned", secrets=(), options={"allow_anyone": True}
    )
    answers = []

    async def run():
        relay = Relay(
            Settings(webhooks={"any": source}),
            {"any": "http://127.0.0.1:9"},
            Slow(),
            clock=SystemClock(),
            fetch=lambda _: None,
            told=lambda _: None,
        )
        for _ in range(AT_ONCE + 1):
            relay.submit("any", [], b"{}", answers.append)
        assert [one.status for one in answers] == [503]
        assert relay.problems == {"any: too_many": 1}
        await asyncio.sleep(0)
        await relay.close()

    asyncio.run(run())
    assert [one.status for one in answers] == [503] * (AT_ONCE + 1)


def test_a_key_that_cannot_be_had_has_the_vendor_come_again():
    failed = Diagnosis(ok=False, reason="key_unavailable", message="")
    assert [str(one) for one in steps_of(failed)] == [
        "header ok",
        "signature failed",
        "event not reached",
    ]
