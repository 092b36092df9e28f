"""Dead letters by their cause, and a whole cause at once: planned, then run."""

import asyncio
import re
from urllib.parse import quote

import pytest
from tests.dashboard.conftest import Links

from hardpoint.dashboard import letters
from hardpoint.dashboard.letters import cause_in, key_of
from hardpoint.dashboard.visits import RefusedVisitError


@pytest.fixture(params=["sqlite", "postgres"])
def store_settings(request):
    """Both engines."""
    return request.getfixturevalue("on_postgres") if request.param == "postgres" else None


async def cause_page(browser) -> str:
    """The address of the first cause."""
    page = await browser.page("/letters")
    return next(url for url in page.urls if "/letters/" in url).removeprefix("/dashboard")


def fields_of(html: str) -> dict[str, str]:
    """What the form of a run carries."""
    form = html[html.index("/run") :]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))


def test_yesterdays_failures_are_found_mended_and_replayed_once_each(site, monkeypatch):
    """The journey of an operator, from the pages alone."""
    monkeypatch.setattr(letters, "STEP_LETTERS", 4)

    async def scenario(site):
        for number in range(10):
            await site.deliver(f"evt_{number}", fate="permanent", says=f"no price for {number}")
        for number in range(10, 13):
            await site.deliver(f"evt_{number}", fate="failed", says="try again")
        await site.deliver("evt_good")
        await site.quiet()
        browser = await site.signed_in("operator")
        # What needs somebody, and why.
        first = await browser.page("/")
        assert "10 dead letters" in first.text
        assert "Permanent: no price for 9" in first.text
        assert re.search(r"conftest:\d+ in Handlers\.mark_paid", first.text)
        assert "3 mark_paid PriceError: try again" in first.text
        cause = await cause_page(browser)
        page = await browser.page(cause)
        assert "10 jobs" in page.text
        assert re.search(r"tests/dashboard/conftest\.py:\d+", page.text)
        event = next(url for url in page.urls if "/events/" in url).removeprefix("/dashboard")
        shown = (await browser.page(event)).text
        assert "the handler said that it will never succeed" in shown
        # The plan changes nothing.
        reply = await browser.post(f"{cause}/plan", on=cause, action="retry", reason="mended")
        plan = Links(reply.text)
        assert "Retry 10 jobs" in plan.text
        assert "No process has a handler" not in plan.text
        assert site.handlers.handled == ["evt_good"]
        # The handler is deployed, and the plan run, a step at a time.
        site.handlers.broken = False
        steps, fields = 0, fields_of(reply.text)
        while True:
            step = await browser.client.post(
                f"{cause}/run",
                data=fields,
                headers={"origin": browser.origin, "hx-request": "true"},
            )
            assert step.status_code == 200
            assert "<html" not in step.text
            steps += 1
            if "Done." in step.text:
                break
            fields = fields_of(step.text)
        assert steps == 3
        assert "10 of 10 looked at, 10 retried" in Links(step.text).text
        while len(site.handlers.handled) < 11:
            await asyncio.sleep(0.01)
        # The last step once more: nothing is done twice.
        again = await browser.client.post(
            f"{cause}/run", data=fields, headers={"origin": browser.origin}
        )
        assert "<html" in again.text
        assert "Done." in again.text
        await asyncio.sleep(0.05)
        wanted = ["evt_good", *(f"evt_{number}" for number in range(10))]
        assert sorted(site.handlers.handled) == sorted(wanted)
        assert "None is left" in (await browser.page(cause)).text
        assert "Nothing was given up" in (await browser.page("/letters")).text
        records = site.audit()
        assert len(records) == 10
        assert {one[:2] for one in records} == {("dashboard, olga", "retry")}
        assert all(one[2].startswith("mended (plan ") for one in records)
        settings = (await browser.page("/settings")).text
        assert "dashboard, olga retry" in settings

    site(scenario)


@pytest.mark.parametrize(("action", "word"), [("replay", "replayed"), ("resolve", "closed")])
def test_a_cause_is_replayed_or_closed_as_a_whole(site, action, word):
    async def scenario(site):
        for number in range(3):
            await site.deliver(f"evt_{number}", fate="permanent", says="gone")
        await site.quiet()
        browser = await site.signed_in("operator")
        cause = await cause_page(browser)
        reply = await browser.post(f"{cause}/plan", on=cause, action=action, reason="by hand")
        site.handlers.broken = False
        done = await browser.client.post(
            f"{cause}/run", data=fields_of(reply.text), headers={"origin": browser.origin}
        )
        assert f"3 of 3 looked at, 3 {word}" in Links(done.text).text
        gone = await browser.post(f"{cause}/plan", on=cause, action=action, reason="again")
        assert (gone.status_code, "Nothing is left" in gone.text) == (409, True)
        if action == "replay":
            while len(site.handlers.handled) < 3:
                await asyncio.sleep(0.01)
        else:
            assert site.handlers.handled == []
            assert "resolved" in (await browser.page("/events?state=resolved")).text

    site(scenario)


def test_what_is_given_up_after_the_plan_is_left_alone(site):
    async def scenario(site):
        await site.deliver("evt_1", fate="permanent", says="gone")
        await site.quiet()
        browser = await site.signed_in("operator")
        cause = await cause_page(browser)
        reply = await browser.post(f"{cause}/plan", on=cause, action="resolve", reason="old")
        await site.deliver("evt_2", fate="permanent", says="gone")
        await site.quiet()
        done = await browser.client.post(
            f"{cause}/run", data=fields_of(reply.text), headers={"origin": browser.origin}
        )
        assert "1 of 1 looked at, 1 closed" in Links(done.text).text
        left = await browser.page(cause)
        assert "evt_2" in left.text
        assert "evt_1" not in left.text

    site(scenario)


def test_a_list_of_letters_goes_on_and_is_narrowed(site, monkeypatch):
    monkeypatch.setattr(letters, "PAGE_ROWS", 2)

    async def scenario(site):
        for number in range(5):
            await site.deliver(f"evt_{number}", fate="permanent", says="gone")
        await site.quiet()
        browser = await site.signed_in("viewer")
        path, seen = await cause_page(browser), []
        page = await browser.page(path)
        assert "Plan a retry" not in page.text
        while True:
            seen += re.findall(r"evt_\d", page.text)
            more = [url for url in page.urls if "before=" in url]
            if not more:
                break
            page = await browser.page(more[0].removeprefix("/dashboard"))
        assert sorted(seen) == [f"evt_{number}" for number in range(5)]
        assert "evt" not in (await browser.page("/letters?since=2099-01-01")).text
        assert "Permanent" in (await browser.page("/letters?since=1h")).text

    site(scenario)


def test_a_run_or_a_cause_that_makes_no_sense_is_refused(site):
    async def scenario(site):
        await site.deliver("evt_1", fate="permanent", says="gone")
        await site.quiet()
        browser = await site.signed_in("operator")
        cause = await cause_page(browser)
        for path in ("/letters/x", "/letters/%00", "/letters/WzFd", f"/letters/{'A' * 4001}"):
            assert (await browser.get(path)).status_code == 404
        for before in ("x", "1/2", "1"):
            assert (await browser.get(f"{cause}?before={quote(before)}")).status_code == 400
        reply = await browser.post(f"{cause}/plan", on=cause, action="retry", reason="mended")
        fields = fields_of(reply.text)
        for name, value in (
            *(("total", "x"), ("until", ""), ("before", "x"), ("action", "drop"), ("reason", "")),
        ):
            answer = await browser.client.post(
                f"{cause}/run", data=fields | {name: value}, headers={"origin": browser.origin}
            )
            assert answer.status_code == 400, name
        no_reason = await browser.post(f"{cause}/plan", on=cause, action="retry")
        assert no_reason.status_code == 400
        viewer = await site.signed_in("viewer")
        for path in ("plan", "run"):
            reply = await viewer.post(f"{cause}/{path}", on=cause, **fields)
            assert reply.status_code == 403
        assert site.audit() == []

    site(scenario)


def test_a_handler_that_nobody_has_any_more_is_said_before_the_run(site, monkeypatch):
    async def scenario(site):
        await site.deliver("evt_1", fate="permanent", says="gone")
        await site.quiet()
        monkeypatch.setattr(site.hub.life, "known", lambda: ("settle",))  # as deployed since
        browser = await site.signed_in("operator")
        cause = await cause_page(browser)
        reply = await browser.post(f"{cause}/plan", on=cause, action="retry", reason="mended")
        assert "No process has a handler of this name now" in Links(reply.text).text

    site(scenario)


def test_a_step_ends_when_its_time_is_up(site, monkeypatch):
    monkeypatch.setattr(letters, "STEP_SECONDS", -1.0)

    async def scenario(site):
        await site.deliver("evt_1", fate="permanent", says="gone")
        await site.quiet()
        browser = await site.signed_in("operator")
        cause = await cause_page(browser)
        reply = await browser.post(f"{cause}/plan", on=cause, action="resolve", reason="old")
        step = await browser.client.post(
            f"{cause}/run", data=fields_of(reply.text), headers={"origin": browser.origin}
        )
        assert "0 of 1 looked at" in Links(step.text).text
        assert "Go on" in step.text

    site(scenario)


def test_the_name_of_a_cause_is_read_back_whatever_is_in_it():
    wanted = cause_in(key_of(cause_in("WyJhIiwiYlx1MjAyZSIsImMiLG51bGwsbnVsbF0")))
    assert (wanted.source, wanted.handler, wanted.reason) == ("a", "b\u202e", "c")
    assert (wanted.kind, wanted.place) == (None, None)
    with pytest.raises(RefusedVisitError):
        cause_in("WyJhIiwiYiIsImMiLG51bGwsIngiXQ")  # its place is none
