"""The list of events, and the page of one."""

import asyncio
import json
import os
import re

import pytest
from tests.dashboard.conftest import Links

from hardpoint.dashboard.event_acts import SHOWN_BYTES_MAX, dump, indented, payload_of
from hardpoint.dashboard.event_pages import PAGE_ROWS


@pytest.fixture(params=["sqlite", "postgres"])
def store_settings(request):
    """Both engines."""
    return request.getfixturevalue("on_postgres") if request.param == "postgres" else None


def test_the_list_is_narrowed_by_its_address_and_goes_on(site):
    async def scenario(site):
        for number in range(PAGE_ROWS + 3):
            await site.deliver(f"evt_{number}", kind="paid" if number % 2 else "refund.made")
        await site.deliver("evt_bad", fate="permanent", says="gone")
        await site.quiet()
        browser = await site.signed_in("viewer")
        first = await browser.page("/events")
        assert len(re.findall("evt_", first.text)) == PAGE_ROWS
        older = next(url for url in first.urls if "before=" in url).removeprefix("/dashboard")
        assert len(re.findall("evt_", (await browser.page(older)).text)) == 4
        for query, there, not_there in (
            ("state=dead", "evt_bad", "evt_1 "),
            ("type=refund.*", "evt_2 ", "evt_1 "),
            ("source=billing&since=1h", "evt_1", "nothing"),
            ("since=2020-01-01T00:00", "evt_1", "nothing"),
            ("since=2099-01-01T00:00Z", "No event matches", "evt_"),
            ("source=other", "No event matches", "evt_"),
        ):
            text = (await browser.page(f"/events?{query}")).text
            assert there in text, query
            assert not_there not in text, query
        kept = await browser.page("/events?type=paid&state=done&since=24h")
        assert ("input", "paid") in [(tag, own.get("value")) for tag, own in kept.tags]
        assert len([own for tag, own in kept.tags if tag == "option" and "selected" in own]) == 2

    site(scenario)


def test_a_filter_that_makes_no_sense_is_refused(site):
    async def scenario(site):
        browser = await site.signed_in()
        for query in ("state=x", "since=yesterday", "before=x", f"type={'x' * 201}"):
            reply = await browser.get(f"/events?{query}")
            assert (reply.status_code, "makes no sense" in reply.text) == (400, True)

    site(scenario)


def test_an_event_is_found_by_any_of_its_names(site):
    async def scenario(site):
        await site.deliver("evt_1")
        ours = site.event("evt_1")
        browser = await site.signed_in()
        for sought in (ours, ours[:18], "evt_1"):
            reply = await browser.get(f"/events?find={sought}")
            assert reply.headers["location"] == f"/dashboard/events/{ours}"
        assert (await browser.get("/events?find=evt_2")).status_code == 404
        assert (await browser.get("/events/0192")).status_code == 404
        assert (await browser.get("/events/evt_1")).status_code == 404

    site(scenario)


def test_the_page_of_an_event_says_why_it_failed_and_what_comes_next(site):
    async def scenario(site):
        await site.deliver("evt_1", fate="failed", says="no price for A-1")
        await site.quiet()
        browser = await site.signed_in("viewer")
        text = (await browser.page(f"/events/{site.event('evt_1')}")).text
        assert "PriceError: no price for A-1" in text
        assert re.search(r"conftest:\d+ in Handlers\.mark_paid", text)
        assert re.search(r"tests/dashboard/conftest\.py:\d+", text)
        assert re.search(
            r"Next try \d{4}-\d\d-\d\d \d\d:\d\d:\d\d in (4\d|5\d|60|1\.\d) (min|h)", text
        )
        assert "of stripe" in text
        assert "it covers the whole body" in text
        assert "signed 0." in text
        assert "It is hidden" in text
        assert 'no price for A-1"' not in text
        assert "Retry now" not in text
        assert "Reveal" not in text

    site(scenario)


def test_an_event_is_retried_replayed_and_closed_and_it_is_written_down(site):
    async def scenario(site):
        await site.deliver("evt_1", fate="permanent", says="gone")
        await site.deliver("evt_2", fate="permanent", says="gone")
        await site.quiet()
        browser = await site.signed_in("operator")
        one, two = (f"/events/{site.event(name)}" for name in ("evt_1", "evt_2"))
        assert "the handler said that it will never succeed" in (await browser.page(one)).text
        site.handlers.broken = False
        for action, jobs in (("retry", 1), ("replay", 0)):
            reply = await browser.post(f"{one}/act", on=one, action=action)
            back = reply.headers["location"]
            assert back.endswith(f"?did={action}&jobs={jobs}")
            while site.handlers.handled != ["evt_1"]:
                await asyncio.sleep(0.01)
            while "running" in (await browser.page(one)).text:
                await asyncio.sleep(0.01)
            told = (await browser.page(back.removeprefix("/dashboard"))).text
            assert ("1 job retried" if jobs else "Nothing to do") in told
        forced = await browser.post(f"{one}/act", on=one, action="replay", force="1")
        assert forced.headers["location"].endswith("jobs=1")
        while site.handlers.handled != ["evt_1"] * 2:
            await asyncio.sleep(0.01)
        assert (await browser.post(f"{two}/act", on=two, action="resolve")).status_code == 400
        closed = await browser.post(
            f"{two}/act", on=two, action="resolve", reason="paid by hand", handler="mark_paid"
        )
        assert closed.headers["location"].endswith("jobs=1")
        assert "resolved: paid by hand" in (await browser.page(two)).text
        assert (await browser.post(f"{two}/act", on=two, action="drop")).status_code == 400
        for odd in ("?did=x&jobs=1", "?did=retry&jobs=x"):
            assert (
                'role="status">'
                not in (await browser.get(two + odd)).text.split("<main")[1].split("</main")[0]
            )

    site(scenario)


def test_what_a_role_may_not_do_is_refused_and_changes_nothing(site):
    async def scenario(site):
        await site.deliver("evt_1", fate="permanent", says="secret-in-body")
        await site.quiet()
        event = f"/events/{site.event('evt_1')}"
        viewer, operator = await site.signed_in("viewer"), await site.signed_in("operator")
        for browser, path, needs in (
            (viewer, f"{event}/act", "operator"),
            (viewer, f"{event}/payload", "admin"),
            (operator, f"{event}/payload", "admin"),
        ):
            reply = await browser.post(path, on=event, action="retry", reason="I want to")
            assert (reply.status_code, f"needs the role {needs}" in reply.text) == (403, True)
            assert "secret-in-body" not in reply.text.replace("Permanent: secret-in-body", "")
        assert "dead" in (await viewer.page("/events?state=dead")).text

    site(scenario)


def test_a_payload_is_revealed_for_a_reason_that_is_written_down(site):
    async def scenario(site):
        await site.deliver("evt_1", money=1.10, note="\u202e<b>")
        await site.quiet()
        browser, event = await site.signed_in(), f"/events/{site.event('evt_1')}"
        for reason in ("", "  ", "x" * 501):
            reply = await browser.post(f"{event}/payload", on=event, reason=reason)
            assert (reply.status_code, "A reason is needed" in reply.text) == (400, True)
        shown = await browser.post(f"{event}/payload", on=event, reason="customer asks")
        page = Links(shown.text)
        assert '"money": 1.1' in page.text
        assert "\\u202e<b>" in page.text
        file = await browser.post(f"{event}/payload", on=event, reason="a test", **{"as": "file"})
        assert json.loads(file.content)["money"] == 1.1
        assert file.headers["content-disposition"].startswith("attachment")
        assert file.headers["content-type"] == "application/octet-stream"
        assert site.audit() == [
            ("dashboard, admin", "reveal", "a test"),
            ("dashboard, admin", "reveal", "customer asks"),
        ]

    site(scenario)


@pytest.mark.parametrize(
    ("body", "kind", "cut"),
    [
        (None, "gone", False),
        (b'{"a": [1.10, 1e400, {}], "b": "x:,{"}', "json", False),
        (b"[" * 100_000, "text", False),
        (b"12", "text", False),
        ("\N{EURO SIGN}".encode() * SHOWN_BYTES_MAX, "text", True),
        (os.urandom(100_000) + b"\xff", "binary", True),
        (b"\x00\x01", "binary", False),
        (b"x" * 25 * 1024 * 1024, "text", True),
    ],
)
def test_any_payload_can_be_shown(body, kind, cut):
    payload = payload_of(body)
    assert (payload.kind, payload.cut) == (kind, cut)
    assert len(payload.text) <= SHOWN_BYTES_MAX


def test_json_is_broken_into_lines_and_every_value_stays_as_it_was():
    text = '{"a":[1.10,-0.0,{}],"b":"x:,{ \\" y","c":[]}'
    lines = indented(text)
    assert lines.splitlines() == [
        "{",
        '  "a": [',
        "    1.10,",
        "    -0.0,",
        "    {}",
        "  ],",
        '  "b": "x:,{ \\" y",',
        '  "c": []',
        "}",
    ]
    assert json.loads(lines) == json.loads(text)
    assert max(map(len, indented("[" * 60 + "]" * 60).splitlines())) < 90
    assert dump(bytes(range(30, 48))).splitlines() == [
        "0000001e"[:0]
        + "00000000  1e 1f 20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d  .. !\"#$%&'()*+,-",
        "00000010  2e 2f                                            ./",
    ]


def test_a_store_that_cannot_be_read_is_told_on_the_page(site):
    async def scenario(site):
        browser = await site.signed_in()
        site.make_newer()
        reply = await browser.get("/events")
        assert (reply.status_code, "The store cannot be read" in reply.text) == (503, True)
        assert "newer" in reply.text

    site(scenario)
