"""How everything is, calls, providers, accounts, settings; and what stays fresh."""

import asyncio
from dataclasses import replace
from urllib.parse import quote

import pytest
from tests.dashboard.conftest import Links, settings_at
from tests.dashboard.hostile import HOSTILE, assert_tame

from hardpoint.core.errors import HardpointError, StoreUnavailableError
from hardpoint.core.secrets import Secret
from hardpoint.dashboard import live, looking, overview
from hardpoint.dashboard.drawing import NOTHING, count, moment, query, size, span
from hardpoint.dashboard.looking import StoreLook
from hardpoint.dashboard.overview import StoreNow, arrivals, needs, worst_first
from hardpoint.hub.identity import IdentitySettings, VaultSettings
from hardpoint.hub.settings import Settings
from hardpoint.store.views import SourceTraffic
from hardpoint.telemetry.health import CredentialHealth, HealthReport, HealthState, SourceHealth


async def called(site, path: str = "/deals/7"):
    """A call that fails: nobody listens there."""
    with pytest.raises(HardpointError):
        await site.hub.rest("crm").get(path, query={"token": "hidden"})


def test_the_overview_says_what_needs_somebody(site):
    async def scenario(site):
        browser = await site.signed_in("viewer")
        calm = await browser.page("/")
        assert "Nothing needs anybody" in calm.text
        await site.deliver("evt_1", fate="permanent", says="gone")
        await site.deliver("evt_2", fate="failed", says="later")
        await site.quiet()
        site.hub._clock.ahead = 10  # what is known of the store is some seconds old at most
        page = await browser.page("/")
        assert "1 thing needs somebody" in page.text
        assert "source billing 1 dead letters" in page.text
        assert "Permanent: gone" in page.text
        assert "PriceError: later" in page.text
        chart = dict(next(own for tag, own in page.tags if own.get("id") == "chart"))
        assert chart["data-bins"].rstrip("]").endswith("2")
        site.hub.policy("crm").breaker.force_open("a test")
        assert "connection crm its circuit is forced_open" in (await browser.page("/")).text

    site(scenario)


async def frames(browser, path: str, wanted: int) -> list[str]:
    """The first messages of a stream."""
    found: list[str] = []
    async with browser.client.stream("GET", path) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["x-accel-buffering"] == "no"
        buffer = ""
        async for text in reply.aiter_text():
            buffer += text
            *whole, buffer = buffer.split("\n\n")
            found += [one for one in whole if one.startswith("data:")]
            if len(found) >= wanted:
                break
    return found


def test_new_events_are_told_to_who_looks_at_the_list(site, monkeypatch):
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.02)

    async def scenario(site):
        await site.deliver("evt_1")
        browser = await site.signed_in("viewer")
        page = await browser.page("/events?type=paid")
        (path,) = [own["hx-sse:connect"] for _, own in page.tags if "hx-sse:connect" in own]
        watching = asyncio.create_task(frames(browser, path.removeprefix("/dashboard"), 2))
        await asyncio.sleep(0.1)
        await site.deliver("evt_2")
        await site.deliver("evt_3", kind="refund.made")
        first, second = await watching
        assert "new event" not in first
        assert "1 new event: show" in second
        assert 'href="/dashboard/events?type=paid"' in second

    site(scenario)


def test_the_overview_is_kept_fresh_and_a_stream_ends_by_itself(site, monkeypatch):
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(live, "STREAM_SECONDS", 0.3)

    async def scenario(site):
        browser = await site.signed_in("viewer")
        whole = (await browser.client.get("/live")).text
        assert whole.startswith('data: <hx-partial hx-target="#overview"')
        assert "\n\n:\n\n" in whole
        (first,) = await frames(browser, "/live", 1)
        assert "Nothing needs anybody" in first
        site.make_newer()
        assert "hx-partial" in (await browser.client.get("/live")).text
        assert (await browser.client.get("/events/live")).text.replace(":\n\n", "") == ""

    site(scenario)


def test_a_stream_needs_a_session_and_there_are_only_so_many(site, monkeypatch):
    monkeypatch.setattr(live, "STREAMS_MAX", 0)

    async def scenario(site):
        for path in ("/live", "/events/live"):
            assert (await site.browser().client.get(path)).status_code == 401
            assert (await (await site.signed_in()).client.get(path)).status_code == 429

    site(scenario)


def test_calls_are_listed_with_their_attempts_and_can_be_taken_along(site):
    async def scenario(site):
        browser = await site.signed_in("viewer")
        assert "made no such call" in (await browser.page("/calls")).text
        await called(site, "/deals/7")
        page = await browser.page("/calls?connection=crm&failed=1")
        assert "unavailable" in page.text
        path = next(url for url in page.urls if "/calls/" in url).removeprefix("/dashboard")
        call = await browser.page(path)
        assert "http://127.0.0.1:9/deals/7" in call.text
        assert "curl -X GET" in call.text
        assert "hidden" not in call.text
        assert "made no such call" in (await browser.page("/calls?connection=other")).text
        assert (await browser.get("/calls/0192")).status_code == 404

    site(scenario)


def test_a_circuit_is_opened_and_closed_by_an_admin_for_a_reason(site):
    async def scenario(site):
        browser = await site.signed_in()
        page = await browser.page("/providers")
        assert "crm rest up" in page.text
        assert "/webhooks/billing" in page.text
        steer = "/providers/crm/circuit"
        for action, state in (("open", "forced open"), ("close", "closed")):
            reply = await browser.post(steer, on="/providers", action=action, reason="a drill")
            assert reply.headers["location"] == "/dashboard/providers"
            assert f"Circuit {state}" in (await browser.page("/providers")).text
        for path, fields, status in (
            ("/providers/other/circuit", {"action": "open", "reason": "a drill"}, 404),
            (steer, {"action": "burn", "reason": "a drill"}, 400),
            (steer, {"action": "open"}, 400),
        ):
            assert (await browser.post(path, on="/providers", **fields)).status_code == status
        operator = await site.signed_in("operator")
        assert "Open the circuit" not in (await operator.page("/providers")).text
        refused = await operator.post(steer, on="/providers", action="open", reason="a drill")
        assert refused.status_code == 403
        assert site.audit() == [
            ("dashboard, admin", "circuit close", "a drill"),
            ("dashboard, admin", "circuit open", "a drill"),
        ]

    site(scenario)


def test_accounts_say_that_there_is_no_vault(site):
    async def scenario(site):
        browser = await site.signed_in("viewer")
        assert "There is no vault" in (await browser.page("/accounts")).text

    site(scenario)


def with_vault(tmp_path) -> Settings:
    keyring = Secret.value("k1:" + "A" * 43 + "=")
    vault = VaultSettings(path=tmp_path / "vault.db", keyring=keyring)
    return replace(settings_at(tmp_path), identity=IdentitySettings(vault=vault))


def test_accounts_are_listed_narrowed_and_what_is_hostile_in_them_is_text(site, tmp_path):
    async def scenario(site):
        browser = await site.signed_in("viewer")
        assert "None is connected" in (await browser.page("/accounts")).text
        for number, text in enumerate(HOSTILE):
            user = text.replace("\x00", "")
            await site.hub.vault.put_key(f"crm{number}", Secret.value("hidden-key"), user=user)
        await site.hub.vault.put_key("mail", Secret.value("hidden-key"), tenant="user_7")
        page = await browser.get("/accounts?state=active")
        assert_tame(page.text, Links(page.text))
        assert "hidden-key" not in page.text
        assert "mail" in page.text
        one = (await browser.page("/accounts?tenant=user_7")).text
        assert "mail" in one
        assert "crm1" not in one
        assert "None is connected" in (await browser.page("/accounts?state=needs_reauth")).text
        for text in HOSTILE:
            page = await browser.get(f"/accounts?tenant={quote(text, safe='')}&state=x")
            assert_tame(page.text, Links(page.text))

    site(scenario, with_vault(tmp_path))


def test_a_vault_that_cannot_be_read_is_told(site, tmp_path):
    settings = with_vault(tmp_path)

    async def scenario(site):
        browser = await site.signed_in("viewer")
        settings.identity.vault.path.write_bytes(b"this is no vault" * 100)
        text = (await browser.page("/accounts")).text
        assert "vault.db" in text
        assert "None is connected" not in text

    site(scenario, settings)


def test_of_very_many_sources_the_worst_are_shown(site, tmp_path):
    settings = settings_at(tmp_path)
    (one,) = settings.webhooks.values()
    settings.webhooks.update({f"s{n}": replace(one, name=f"s{n}") for n in range(9_999)})

    async def scenario(site):
        await site.deliver("evt_1", fate="permanent", says="gone")
        await site.quiet()
        browser = await site.signed_in("viewer")
        for path in ("/", "/providers"):
            page = await browser.page(path)
            assert f"The worst {overview.SHOWN_MAX} of 10 000" in page.text
            assert "billing stripe degraded" in page.text
        assert len((await browser.get("/events")).text) < 100_000
        assert "evt_1" in (await browser.page("/events?source=billing")).text

    site(scenario, settings)


def test_what_needs_somebody_has_the_worst_first_and_the_store_among_it():
    def health(name, state):
        return SourceHealth(
            name=name,
            provider="stripe",
            state=state,
            reasons=("why",),
            last_at=None,
            usually_silent_seconds=None,
            waiting=0,
            oldest_due_seconds=None,
            dead=0,
            refusals={},
            vendor_gives_up_in=None,
        )

    report = HealthReport(
        state=HealthState.DOWN,
        at=0,
        pid=1,
        role="owner",
        store="unreadable",
        connections=(),
        sources=(health("a", HealthState.DEGRADED), health("b", HealthState.UP)),
        accounts={},
        accounts_in_trouble=(CredentialHealth(name="github/user_7", state="needs_reauth"),),
    )
    found = [*needs(report, StoreNow(problem="unreadable"))]
    assert [one.what for one in found] == ["the store", "source a", "connected accounts"]
    assert [one.name for one in worst_first(report.sources)] == ["a", "b"]


def test_arrivals_are_counted_by_half_hours_and_it_is_said_from_when_on(monkeypatch):
    traffic = [SourceTraffic(source="a", arrivals=(100_000.0, 98_000.0, 1.0))]
    chart = arrivals(traffic, 100_000.0)
    assert (chart["bins"][-1], chart["bins"][-2], chart["total"]) == (1, 1, 2)
    assert (chart["begins"][-1], chart["since"]) == (99_000.0, None)
    monkeypatch.setattr(overview, "ARRIVALS", 3)
    assert arrivals(traffic, 100_000.0)["since"] == 1.0


def test_settings_show_where_secrets_are_and_no_secret(site):
    async def scenario(site):
        browser = await site.signed_in("viewer")
        await site.hub.shared.note("reveal", "x", actor="anna", reason="a test")
        page = await browser.page("/settings")
        assert "webhooks.billing.secrets[0]" in page.text
        assert "whsec_dashboard" not in page.text
        assert "token-of" not in page.text
        assert "olga operator" in page.text
        assert "anna reveal" in page.text
        assert "30 d once done" in page.text
        assert (await browser.get("/settings?before=x")).status_code == 400
        assert "Nothing yet" in (await browser.page("/settings?before=1")).text

    site(scenario)


def test_a_page_that_fails_is_told_to_the_log_and_to_the_visitor(site, monkeypatch):
    async def broken(*_):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(overview, "_values", broken)

    async def scenario(site):
        told = []
        site.hub.listeners.add(told.append)
        browser = await site.signed_in("viewer")
        reply = await browser.get("/")
        assert (reply.status_code, "This page failed" in reply.text) == (500, True)
        assert "a defect" not in reply.text
        (failure,) = [one for one in told if type(one).__name__ == "DoorFailed"]
        assert (failure.doing, failure.error) == ("dashboard", "ZeroDivisionError: a defect")

    site(scenario)


def test_looks_into_the_store_are_bounded(site, monkeypatch):
    async def scenario(site):
        look = StoreLook(site.hub, patience=0.05)
        released = asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(_reader):
            asyncio.run_coroutine_threadsafe(released.wait(), loop).result(20)

        with pytest.raises(StoreUnavailableError, match="gave no answer"):
            await look(slow)
        monkeypatch.setattr(looking, "LOOKS_MAX", 1)
        with pytest.raises(StoreUnavailableError, match="too many pages"):
            await look(lambda reader: reader.counts())
        released.set()
        while look._looks:
            await asyncio.sleep(0.01)
        assert (await look(lambda reader: reader.counts()))["total"] == 0

    site(scenario)


def test_a_look_whose_visitor_has_gone_is_still_counted_off(site):
    async def scenario(site):
        look = StoreLook(site.hub)
        looks = [asyncio.create_task(look(lambda reader: reader.counts())) for _ in range(3)]
        await asyncio.sleep(0)
        for one in looks:
            one.cancel()
        await asyncio.gather(*looks, return_exceptions=True)
        while look._looks:
            await asyncio.sleep(0.01)

    site(scenario)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, NOTHING),
        (0.0123, "12 ms"),
        (1.5, "1.5 s"),
        (59, "59 s"),
        (90, "1.5 min"),
        (90_000, "1.0 d"),
    ],
)
def test_a_length_of_time_is_said_in_two_figures(seconds, text):
    assert span(seconds) == text


def test_figures_are_said_as_people_read_them():
    assert count(1234567) == "1\u202f234\u202f567"
    assert [size(one) for one in (12, 2048, 25 * 1024**2)] == ["12 B", "2.0 KiB", "25.0 MiB"]
    assert (moment(None), moment(0)) == (NOTHING, "1970-01-01 00:00:00")
    assert query(a="", b=None, c="x y") == "?c=x+y"
    assert query() == ""


@pytest.mark.parametrize("provider", ["standard", "unsigned"])
def test_a_source_of_no_vendor_is_among_the_others(site, tmp_path, provider):
    settings = settings_at(tmp_path)
    one = replace(
        settings.webhooks["billing"],
        name="shop",
        provider=provider,
        secrets=() if provider == "unsigned" else (Secret.value("whsec_" + "c2VjcmV0" * 4),),
        options={"allow_anyone": True} if provider == "unsigned" else {},
    )
    settings.webhooks["shop"] = one

    async def scenario(site):
        browser = await site.signed_in("viewer")
        for path in ("/", "/providers"):
            assert f"shop {provider} up" in (await browser.page(path)).text
        if provider == "unsigned":
            posted = await browser.client.post(f"{site.url}/webhooks/shop", content=b"{}")
            assert posted.status_code == 200
            page = await browser.page("/events?source=shop")
            path = next(url for url in page.urls if "/events/" in url).removeprefix("/dashboard")
            event = await browser.page(path)
            assert "nobody signs it; taken from anyone" in event.text
            assert "this vendor signs no time" in event.text
            assert "hardpoint sign" not in event.text

    site(scenario, settings)


def test_the_page_of_an_event_says_that_its_source_is_configured_no_more(site):
    async def scenario(site):
        await site.deliver("evt_1")
        browser = await site.signed_in("viewer")
        site.hub.settings.webhooks.pop("billing")
        text = (await browser.page(f"/events/{site.event('evt_1')}")).text
        assert "billing was configured when it came" in text

    site(scenario)


def test_a_body_that_could_not_be_read_is_said_to_be_quarantined(site):
    async def scenario(site):
        await site.deliver("x", body=b"{no json")
        browser = await site.signed_in()
        page = await browser.page("/events?state=quarantined")
        path = next(url for url in page.urls if "/events/" in url).removeprefix("/dashboard")
        event = await browser.page(path)
        assert "Body failed: quarantined:" in event.text
        assert "No handler has had it: it is quarantined" in event.text
        shown = await browser.post(f"{path}/payload", on=path, reason="to see it")
        assert "{no json" in Links(shown.text).text

    site(scenario)


def test_the_store_is_not_asked_again_for_each_who_looks(site, monkeypatch):
    looked = []

    def look(reader):
        looked.append(1)
        return StoreNow(problem=f"look {len(looked)}")

    monkeypatch.setattr(overview, "_look", look)

    async def scenario(site):
        browser = await site.signed_in("viewer")
        site.hub._clock.stopped = 1000.0
        for _ in range(3):
            assert "look 1" in (await browser.page("/")).text
        site.hub._clock.stopped += overview.LOOK_SECONDS
        assert "look 2" in (await browser.page("/")).text

    site(scenario)
