"""What seldom happens."""

import asyncio
import sys
from collections import Counter

import pytest
from tests.dashboard.conftest import settings_at

from hardpoint.core.errors import ConfigurationError, StoreUnavailableError
from hardpoint.dashboard.drawing import templates
from hardpoint.dashboard.live import STREAMS_MAX
from hardpoint.dashboard.looking import StoreLook
from hardpoint.dashboard.overview import LatestLook, StoreNow
from hardpoint.dashboard.visits import Desk
from hardpoint.hub.hub import Hub
from hardpoint.resilience.policy import Policy
from hardpoint.testing import ManualClock


def test_what_is_not_installed_is_named(tmp_path, monkeypatch):
    hub = Hub(settings_at(tmp_path))
    templates.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ConfigurationError, match="hardpoint\\[serve\\]"):
        hub.dashboard()
    monkeypatch.setitem(sys.modules, "hardpoint.dashboard.app", None)
    with pytest.raises(ConfigurationError, match="hardpoint\\[serve\\]"):
        hub.dashboard()
    monkeypatch.undo()
    assert hub.dashboard()


def test_an_attempt_that_runs_now_and_two_handlers_of_one_event_are_told_apart(site):
    async def scenario(site):
        await site.deliver("evt_1", kind="twice")
        await site.handlers.began.wait()
        browser = await site.signed_in("viewer")
        path = f"/events/{site.event('evt_1')}"
        running = await browser.page(path)
        assert "waits running" in running.text
        assert "Runs now" in running.text
        site.handlers.go_on.set()
        while "running" in (page := await browser.page(path)).text:
            await asyncio.sleep(0.01)
        assert page.text.count("after the event came") == 2
        assert "skipped" in page.text

    site(scenario)


def test_where_nobody_says_who_handles_it_those_do_that_have_had_it(site, monkeypatch):
    async def scenario(site):
        await site.deliver("evt_1", fate="permanent", says="gone")
        await site.quiet()
        monkeypatch.setattr(site.hub.life, "known", lambda: ())
        site.handlers.broken = False
        browser, event = await site.signed_in(), f"/events/{site.event('evt_1')}"
        reply = await browser.post(f"{event}/act", on=event, action="replay")
        assert reply.headers["location"].endswith("jobs=1")
        while site.handlers.handled != ["evt_1"]:
            await asyncio.sleep(0.01)

    site(scenario)


def test_a_connection_without_a_circuit_has_none_to_open(site, monkeypatch):
    async def scenario(site):
        browser = await site.signed_in()
        monkeypatch.setattr(site.hub, "policy", lambda _: Policy("crm"))
        reply = await browser.post(
            "/providers/crm/circuit", on="/events", action="open", reason="a drill"
        )
        assert (reply.status_code, "It has no circuit" in reply.text) == (409, True)
        assert "Circuit none" in (await browser.page("/providers")).text

    site(scenario)


def test_a_look_that_was_cut_off_with_its_loop_is_counted_off(tmp_path):
    async def scenario() -> None:
        look = StoreLook(Hub(settings_at(tmp_path)))
        cut = asyncio.get_running_loop().create_future()
        cut.cancel()
        look._looked(cut)
        assert look._looks == -1

    asyncio.run(scenario())


def test_only_requests_pass_the_gate_that_looks_at_their_host(tmp_path):
    app = Hub(settings_at(tmp_path)).dashboard()
    told = []

    async def send(message) -> None:
        told.append(message)

    async def receive():
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/", "headers": [], "root_path": ""}
    asyncio.run(app(scope, receive, send))
    assert told[0]["type"] == "websocket.close"


def test_no_more_pages_are_watched_than_may_be_however_many_ask_at_once(site):
    async def scenario(site):
        browser = await site.signed_in()
        client, asked = (
            browser.client,
            [browser.client.build_request("GET", "/live") for _ in range(STREAMS_MAX + 6)],
        )
        replies = await asyncio.gather(*(client.send(one, stream=True) for one in asked))
        counted = Counter(one.status_code for one in replies)
        assert counted == {200: STREAMS_MAX, 429: 6}
        for one in replies:
            await one.aclose()
        while True:  # and who goes makes room
            async with client.stream("GET", "/live") as later:
                if later.status_code == 200:
                    return
            await asyncio.sleep(0.01)

    site(scenario)


def test_a_count_that_nobody_made_is_not_told(site):
    async def scenario(site):
        await site.deliver("evt_1")
        browser = await site.signed_in()
        path = f"/events/{site.event('evt_1')}?did=retry&jobs="
        assert "999999999 jobs" in (await browser.page(path + "9" * 9)).text
        assert "99999 job" not in (await browser.page(path + "9" * 5000)).text

    site(scenario)


@pytest.fixture
def desk(tmp_path):
    """A desk whose store answers when it is told to, or fails."""

    def make(look):
        return Desk(hub=Hub(settings_at(tmp_path), clock=ManualClock()), access=None, look=look)

    return make


def test_who_looks_at_once_sees_the_same_and_nobody_an_empty_store(desk):
    seen, answers = StoreNow(causes=("a dead letter",)), asyncio.Event()

    async def look(_):
        await answers.wait()
        return seen

    async def scenario():
        latest, here = LatestLook(), desk(look)
        looks = [asyncio.create_task(latest.get(here)) for _ in range(3)]
        await asyncio.sleep(0)
        looks.pop(0).cancel()  # the one that began it has gone
        answers.set()
        assert await asyncio.gather(*looks) == [seen, seen]
        answers.clear()
        here.hub._clock.advance(2.0)
        first = asyncio.create_task(latest.get(here))
        await asyncio.sleep(0)
        assert await latest.get(here) == seen  # what was known before
        answers.set()
        assert await first == seen

    asyncio.run(scenario())


def test_a_store_that_fails_is_told_to_all_until_it_is_asked_again(desk):
    answers = [StoreUnavailableError("it is gone"), StoreNow(causes=("a dead letter",))]

    async def look(_):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def scenario():
        latest, here = LatestLook(), desk(look)
        for _ in range(2):
            assert "it is gone" in (await latest.get(here)).problem
        here.hub._clock.advance(1.5)
        assert (await latest.get(here)).causes

    asyncio.run(scenario())
