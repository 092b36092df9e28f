"""`hardpoint webhooks`: endpoints of the vendors' fakes, registered and compared."""

import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import stripe

from hardpoint.fakes.server import FakeServer
from hardpoint.provider import provider, provider_names
from hardpoint.providers.paypal.fake import WEBHOOK_ID, FakePayPal
from hardpoint.providers.sendgrid.fake import VERIFICATION_KEY, FakeSendGrid
from hardpoint.providers.square.fake import FakeSquare
from hardpoint.providers.stripe.fake import FakeStripe

Cli = Callable[..., Any]
URL = "https://shop.example/webhooks/billing"
FAKES: dict[str, Any] = {
    "stripe": FakeStripe,
    "square": FakeSquare,
    "paypal": FakePayPal,
    "sendgrid": FakeSendGrid,
}
EVENTS = {
    "stripe": ("charge.refunded", "payment_intent.succeeded"),
    "square": ("payment.updated", "refund.updated"),
    "paypal": ("PAYMENT.CAPTURE.COMPLETED", "PAYMENT.CAPTURE.DENIED"),
    "sendgrid": ("bounce", "spamreport"),
}
SECRETS = {
    "stripe": "whsec_fake",
    "square": "fake_signature_key",
    "paypal": WEBHOOK_ID,
    "sendgrid": VERIFICATION_KEY,
}
PLAIN = {"location_id", "client_id", "from_"}
SOURCE = '[webhooks.billing]\nprovider = "{0}"\nsecrets = ["env:HOOK_SECRET"]\n'
APP = """
from hardpoint import Hub
hub = Hub.load()
@hub.on("billing", {0!r})
async def one(event, job): ...
@hub.on("billing", {1!r})
async def two(event, job): ...
"""


@contextmanager
def shop(monkeypatch: pytest.MonkeyPatch, vendor: str, *, more: str = "") -> Generator[Any]:
    """A configuration here that leads to a fake; gives the fake."""
    fake = FAKES[vendor]()
    with FakeServer(fake) as server:
        rows = [f'{key.rstrip("_")} = "env:FAKE_{key.upper()}"' for key in fake.facts.settings]
        for key, text in fake.facts.settings.items():
            monkeypatch.setenv(f"FAKE_{key.upper()}", text)
        rows = [
            f'{key.rstrip("_")} = "{text}"' if key in PLAIN else row
            for row, (key, text) in zip(rows, fake.facts.settings.items(), strict=True)
        ]
        table = f'[connections.shop]\nprovider = "{vendor}"\nbase_url = "{server.url}"\n'
        Path("hardpoint.toml").write_text(
            'public_url = "https://shop.example"\n[store]\nurl = "sqlite:events.db"\n'
            + SOURCE.format(vendor)
            + table
            + "\n".join(rows)
            + f"\n{more}"
        )
        yield fake


@pytest.fixture(params=sorted(FAKES))
def vendor(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def fake(vendor: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with shop(monkeypatch, vendor) as made:
        yield made


@pytest.fixture
def stripe_fake(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with shop(monkeypatch, "stripe") as made:
        yield made


def known(fake: Any) -> dict[str, dict[str, Any]]:
    """What the fake has registered."""
    places = ("endpoints", "subscriptions", "webhooks")
    return next(getattr(fake, name).known for name in places if hasattr(fake, name))


def events(vendor: str) -> list[str]:
    return [word for one in EVENTS[vendor] for word in ("--event", one)]


def kinds(run: Any) -> list[str]:
    return [one["kind"] for one in run.data["drift"]]


def test_nothing_is_sent_unless_it_is_said(cli: Cli, fake: Any, vendor: str) -> None:
    run = cli("webhooks", "register", vendor, *events(vendor))
    assert (run.code, known(fake)) == (0, {})
    assert "POST /v" in run.out
    assert URL in run.out
    assert EVENTS[vendor][0] in run.out
    assert run.out.endswith("nothing was sent; repeat it with --apply\n")
    assert cli("webhooks", "check", vendor, *events(vendor)).code == 1


def test_an_endpoint_is_made_and_is_then_as_it_should_be(
    cli: Cli, fake: Any, vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = cli("webhooks", "register", vendor, *events(vendor), "--apply", "--json")
    assert run.code == 0, run.out
    assert run.data["secret"] == SECRETS[vendor]
    assert (run.data["url"], run.data["applied"]) == (URL, True)
    assert [*known(fake)] == [run.data["endpoint"]]
    monkeypatch.setenv("HOOK_SECRET", SECRETS[vendor])
    assert cli("webhooks", "check", vendor, *events(vendor)).code == 0
    again = cli("webhooks", "register", vendor, *events(vendor), "--apply")
    assert (again.code, again.out) == (0, f"{run.data['endpoint']} is as it should be\n")
    assert len(known(fake)) == 1


def test_events_and_the_address_are_set_right_in_place(
    cli: Cli, fake: Any, vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRETS[vendor])
    first, second = EVENTS[vendor]
    other = ("--url", "https://old.example/hook")
    made = cli("webhooks", "register", vendor, "--event", first, *other, "--apply", "--json")
    its = made.data["endpoint"]
    assert kinds(cli("webhooks", "check", vendor, "--event", first, "--json")) == ["missing"]
    asked = ("--event", second, "--endpoint", its)
    run = cli("webhooks", "check", vendor, *asked, "--json")
    assert (run.code, run.error["code"]) == (1, "drift")
    assert kinds(run) == ["url", "events_missing", "events_extra"]
    run = cli("webhooks", "register", vendor, *asked, "--apply")
    assert (run.code, "shown this once" in run.out) == (0, False)
    assert "its secret is the one it had" in run.out
    assert cli("webhooks", "check", vendor, "--event", second).out == f"{its} is as it should be\n"


def test_one_of_several_connections_and_sources_is_named(cli: Cli, stripe_fake: Any) -> None:
    with Path("hardpoint.toml").open("a") as file:
        file.write(SOURCE.format("stripe").replace("billing", "other"))
        file.write('[connections.more]\nprovider = "stripe"\nsecret_key = "env:FAKE_SECRET_KEY"\n')
    asked = ("webhooks", "check", "stripe", "--event", "*")
    assert "configured: shop, more" in cli(*asked, "--source", "other").err
    assert "configured: billing, other" in cli(*asked, "--connection", "shop").err
    run = cli(*asked, "--connection", "shop", "--source", "other", "--json")
    assert run.data["url"] == "https://shop.example/webhooks/other"


def test_the_secret_is_shown_once_with_where_to_keep_it(cli: Cli, stripe_fake: Any) -> None:
    run = cli("webhooks", "register", "stripe", "--event", "charge.refunded", "--apply")
    assert "secret, shown this once: whsec_fake\n" in run.out
    assert "store it as env:HOOK_SECRET" in run.out
    assert "whsec_fake" not in cli("webhooks", "check", "stripe", "--event", "*", "--json").out
    assert "whsec_fake" not in repr(stripe_fake.endpoints.known)


def test_handlers_say_which_events(
    cli: Cli, stripe_fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("hooked_shop.py").write_text(APP.format(*EVENTS["stripe"]))
    monkeypatch.delitem(sys.modules, "hooked_shop", raising=False)
    asked = ("webhooks", "register", "stripe", "--app", "hooked_shop:hub", "--json")
    early = cli(*asked)
    assert (early.code, "--event TYPE" in early.error["hint"]) == (3, True)
    monkeypatch.setenv("HOOK_SECRET", "whsec_fake")
    assert cli(*asked).data["events"] == [*EVENTS["stripe"]]
    sys.modules.pop("hooked_shop", None)


def test_a_forwarded_source_has_everything_sent(
    cli: Cli, stripe_fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "whsec_fake")
    with Path("hardpoint.toml").open("a") as file:
        file.write('[webhooks.billing.forward]\nurl = "https://a.example"\nsecret = "env:ONWARD"\n')
    monkeypatch.setenv("ONWARD", "whsec_dGhlIHNlY3JldCBvZiBhIHRlc3QsIG9wZW5zIG5vdGhpbmc=")
    Path("forwarding_shop.py").write_text("from hardpoint import Hub\nhub = Hub.load()\n")
    run = cli("webhooks", "register", "stripe", "--app", "forwarding_shop:hub", "--json")
    assert run.data["events"] == ["*"]
    sys.modules.pop("forwarding_shop", None)


def test_an_application_that_fails_says_so_itself(cli: Cli, stripe_fake: Any) -> None:
    Path("broken_shop.py").write_text(
        "from hardpoint import ConfigurationError\nraise ConfigurationError('mine', 'is off')\n"
    )
    run = cli("webhooks", "check", "stripe", "--app", "broken_shop:hub", "--json")
    assert (run.code, run.error["message"]) == (3, "mine: is off")


def test_a_disabled_endpoint_sends_nothing_until_it_is_registered(
    cli: Cli, stripe_fake: Any
) -> None:
    asked = ("stripe", "--event", "*")
    its = cli("webhooks", "register", *asked, "--apply", "--json").data["endpoint"]
    stripe_fake.endpoints.known[its]["status"] = "disabled"
    assert kinds(cli("webhooks", "check", *asked, "--json")) == ["disabled"]
    cli("webhooks", "register", *asked, "--apply")
    assert stripe_fake.endpoints.known[its]["status"] == "enabled"
    assert cli("webhooks", "check", *asked).code == 0


def test_what_no_request_mends_is_told_and_left(cli: Cli, stripe_fake: Any) -> None:
    asked = ("stripe", "--event", "charge.refunded")
    its = cli("webhooks", "register", *asked, "--apply", "--json").data["endpoint"]
    stripe_fake.endpoints.known[its]["api_version"] = None
    twin = {**stripe_fake.endpoints.known[its], "id": "we_twin", "status": "enabled"}
    stripe_fake.endpoints.known["we_twin"] = twin
    before = repr(stripe_fake.endpoints.known)
    run = cli("webhooks", "register", *asked, "--apply")
    assert (run.code, repr(stripe_fake.endpoints.known)) == (1, before)
    assert "that of the account" in run.out
    assert "each event comes from" in run.out
    assert "chosen once" in run.err
    stripe_fake.endpoints.known[its]["api_version"] = twin["api_version"] = "2020-08-27"
    run = cli("webhooks", "check", *asked, "--endpoint", its, "--json")
    assert kinds(run) == ["version", "doubled"]


def test_a_secret_that_the_source_does_not_have_is_drift(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop(monkeypatch, "paypal"):
        cli("webhooks", "register", "paypal", "--event", "*", "--apply")
        run = cli("webhooks", "check", "paypal", "--event", "*", "--json")
        assert (run.code, kinds(run)) == (1, ["secret"])
        assert "the webhook's ID" in run.error["hint"]
        monkeypatch.setenv("HOOK_SECRET", "8OTHER0000000000W")
        assert cli("webhooks", "register", "paypal", "--event", "*").code == 1
        monkeypatch.setenv("HOOK_SECRET", WEBHOOK_ID)
        assert cli("webhooks", "check", "paypal", "--event", "*").code == 0


def test_an_endpoint_that_signs_nothing_is_made_to(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop(monkeypatch, "sendgrid") as made:
        asked = ("sendgrid", "--event", "*")
        assert "then it is to be signed" in cli("webhooks", "register", *asked).out
        its = cli("webhooks", "register", *asked, "--apply", "--json").data["endpoint"]
        monkeypatch.setenv("HOOK_SECRET", VERIFICATION_KEY)
        assert cli("webhooks", "check", *asked).code == 0
        del made.webhooks.known[its]["public_key"]
        assert kinds(cli("webhooks", "check", *asked, "--json")) == ["unsigned"]
        run = cli("webhooks", "register", *asked, "--apply")
        assert (run.code, VERIFICATION_KEY in run.out) == (0, True)
        assert cli("webhooks", "check", *asked).code == 0
        run = cli("webhooks", "register", "sendgrid", "--event", "bounced", "--json")
        assert "bounced is none of bounce, click" in run.error["message"]


def test_without_a_source_the_address_is_given(cli: Cli, stripe_fake: Any) -> None:
    Path("hardpoint.toml").write_text(
        Path("hardpoint.toml").read_text().replace(SOURCE.format("stripe"), "")
    )
    asked = ("webhooks", "register", "stripe", "--event", "*")
    assert "--url URL" in cli(*asked).err
    assert cli(*asked, "--url", "ftp://x").code == 3
    assert "which events" in cli(*asked[:3], "--url", URL, "--app", "any:hub").err
    run = cli(*asked, "--url", URL, "--apply")
    assert "store it as env:NAME" in run.out
    assert 'then add [webhooks.NAME] with provider = "stripe"' in run.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stripe"], "which events are to be sent is not said"),
        (["stripe", "--event", "payment_intent.*"], "wants each type by its name"),
        (["stripe", "--event", "*", "--connection", "x"], "x is no connection of stripe"),
        (["stripe", "--event", "*", "--source", "x"], "x is no source of stripe"),
        (["square", "--event", "*"], "which connection of square is not said"),
        (["postmark"], "these can: paypal, sendgrid, square, stripe"),
        (["nobody"], "these can: paypal, sendgrid, square, stripe"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    cli: Cli, stripe_fake: Any, arguments: list[str], said: str
) -> None:
    run = cli("webhooks", "register", *arguments)
    assert (run.code, said in run.err) == (2, True), run.err
    assert stripe_fake.endpoints.known == {}


def test_a_vendor_without_a_word_for_all_events_wants_names(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop(monkeypatch, "square"):
        run = cli("webhooks", "check", "square", "--event", "*")
    assert (run.code, "by its name" in run.err) == (2, True)


def test_an_endpoint_that_is_not_there_is_not_made(cli: Cli, stripe_fake: Any) -> None:
    asked = ("stripe", "--event", "*", "--endpoint", "we_gone")
    assert "no endpoint we_gone" in cli("webhooks", "register", *asked, "--apply").err
    assert kinds(cli("webhooks", "check", *asked, "--json")) == ["missing"]


def test_a_refusal_of_the_vendor_is_told(
    cli: Cli, stripe_fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_SECRET_KEY", "sk_test_wrong")
    run = cli("webhooks", "check", "stripe", "--event", "*", "--json")
    assert (run.code, run.error["code"]) == (4, "authentication")
    assert "sk_test_wrong" not in run.out


def test_a_request_in_doubt_is_sent_once_and_looked_up_by_the_next_run(
    cli: Cli, stripe_fake: Any
) -> None:
    asked = ("webhooks", "register", "stripe", "--event", "*", "--apply")
    stripe_fake.failures = 2
    assert cli(*asked).code == 4
    assert (stripe_fake.failures, stripe_fake.endpoints.known) == (1, {})
    stripe_fake.failures = 0
    assert cli(*asked).code == 0
    assert cli(*asked).out.endswith("is as it should be\n")
    assert len(stripe_fake.endpoints.known) == 1


def test_a_key_in_the_vault_is_asked_for_by_itself(cli: Cli, stripe_fake: Any) -> None:
    text = Path("hardpoint.toml").read_text().replace("env:FAKE_SECRET_KEY", "vault:shop")
    Path("hardpoint.toml").write_text(f'{text}\n[vault]\nkeyring = "env:KEYRING"\n')
    run = cli("webhooks", "check", "stripe", "--event", "*", "--json")
    assert (run.code, "--connection" in run.error["hint"]) == (3, True), run.out


def test_a_connect_endpoint_is_the_platforms(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop(monkeypatch, "stripe", more='account = "acct_1"\n'):
        run = cli("webhooks", "register", "stripe", "--event", "*")
        assert "connect = true" in run.out


def test_many_endpoints_are_read_page_by_page(
    cli: Cli, fake: Any, vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRETS[vendor])
    cli("webhooks", "register", vendor, *events(vendor), "--apply")
    (own,) = known(fake).values()
    place = "notification_url" if vendor == "square" else "url"
    more = {f"other{n:03}": {**own, "id": f"other{n:03}", place: f"{URL}{n}"} for n in range(101)}
    before = {} if vendor == "stripe" else more
    after = more if vendor == "stripe" else {}
    rows = {**before, own["id"]: own, **after}
    known(fake).clear()
    known(fake).update(rows)
    assert cli("webhooks", "check", vendor, *events(vendor)).code == 0


def test_the_official_package_finds_what_was_registered(cli: Cli, stripe_fake: Any) -> None:
    cli("webhooks", "register", "stripe", "--event", "charge.refunded", "--apply")
    text = Path("hardpoint.toml").read_text()
    base = text.partition('base_url = "')[2].partition('"')[0]
    version = next(iter(stripe_fake.endpoints.known.values()))["api_version"]
    client = stripe.StripeClient(
        "sk_test_fake", base_addresses={"api": base}, stripe_version=version, max_network_retries=0
    )
    (found,) = client.v1.webhook_endpoints.list().data
    assert (found.url, found.enabled_events) == (URL, ["charge.refunded"])


def test_every_setup_that_a_manifest_names_is_there() -> None:
    named = [name for name in provider_names() if provider(name).webhook_setup]
    assert named == sorted(FAKES)
