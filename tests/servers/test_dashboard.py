"""The dashboard in Debian's Chromium."""

import os
import re
import time
from itertools import count
from pathlib import Path

import httpx2
import psycopg
import pytest
from playwright.sync_api import expect, sync_playwright
from tests.dashboard.hostile import HOSTILE
from tests.servers.browsing import FIXED, Person, Shop
from tests.servers.conftest import program

SHOTS = os.environ.get("HARDPOINT_SCREENSHOTS")
_numbers = count()


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program(Path("chromium")), args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture
def shots(tmp_path) -> Path:
    """Where pictures are kept: the folder that HARDPOINT_SCREENSHOTS names."""
    folder = Path(SHOTS) if SHOTS else tmp_path
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def shop(tmp_path):
    """On a file, served by `hardpoint serve`."""
    made = Shop(tmp_path, "sqlite:events.db").start()
    yield made
    made.stop()


@pytest.fixture
def busy(shop):
    """The same, after a day on which much went wrong."""
    for number in range(8):
        shop.deliver(f"evt_{number}", sku=f"A-{number}")
    for number in range(8, 11):
        shop.deliver(f"evt_{number}", sku=f"A-{number}", slow=True)
    for number in range(11, 30):
        shop.deliver(f"evt_{number}", kind="charge.refunded")
    shop.deliver("evt_hostile", sku=" ".join(HOSTILE))
    httpx2.post(shop.hooks, content=b"{}", headers={"stripe-signature": "t=1,v1=00"})
    return shop


@pytest.fixture(params=["served on a file", "four workers on PostgreSQL"])
def any_shop(request, tmp_path):
    """Served by hardpoint, and mounted in an application of four workers."""
    if "file" in request.param:
        made = Shop(tmp_path, "sqlite:events.db")
    else:
        server = request.getfixturevalue("postgres_server")
        name = f"dashboard_browser_{next(_numbers)}"
        with psycopg.connect(server.format("postgres"), autocommit=True) as beside:
            beside.execute(f"create database {name}")
        made = Shop(tmp_path, server.format(name), workers=4)
    made.start()
    yield made
    made.stop()


PAGES = {
    "overview": "/",
    "events": "/events",
    "dead-letters": "/letters",
    "calls": "/calls",
    "providers": "/providers",
    "accounts": "/accounts",
    "settings": "/settings",
    "filtered": "/events?state=dead&type=payment_intent.*&since=24h",
    "nothing": "/events?source=payments&state=resolved",
    "lost": "/nowhere",
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_within_everybodys_reach_and_the_console_stays_empty(
    chromium, busy, shots, theme
):
    person = Person(chromium, busy, color_scheme=theme)
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        person.page.wait_for_load_state("load")
        found[name] = person.barriers()
        person.page.screenshot(path=shots / f"{name}-{theme}.png")

    person.go("/")
    look("sign-in")
    person.sign_in()
    for name, path in PAGES.items():
        person.go(path)
        if name == "lost":  # Chromium itself says that a page is not there
            person.said = [one for one in person.said if "404 (Not Found)" not in one]
        look(name)
    person.go("/letters")
    person.page.click("table.rows a >> nth=0")
    look("cause")
    person.page.fill("input[name=reason]", "the price list is whole again")
    person.page.click("text=Plan a replay")
    look("plan")
    person.go("/events?state=pending")
    person.page.click("#rows a >> nth=0")
    look("event")
    person.page.fill("input[name=reason] >> nth=1", "a customer asks")
    person.page.click("text=Reveal")
    look("payload")
    assert "evt_" in person.page.inner_text("#body")
    person.page.set_viewport_size({"width": 400, "height": 800})
    for path in ("/", "/events", "/settings"):
        person.go(path)
        wide = person.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 400, path
    assert {name: each for name, each in found.items() if each} == {}
    assert person.said == []


def test_everything_can_be_done_with_the_keyboard_alone(chromium, busy):
    person = Person(chromium, busy)
    page, keys = person.page, person.page.keyboard
    person.go("/events?state=dead")
    assert page.evaluate("document.activeElement.id") == "token"
    keys.type("token-of-operator-which-nobody-guesses")
    keys.press("Enter")
    page.wait_for_selector("#rows")
    keys.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    keys.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    keys.press("j")
    keys.press("j")
    keys.press("k")
    first = page.locator("#rows a").first
    expect(first).to_be_focused()
    keys.press("Enter")
    page.wait_for_selector("text=Why it was let in")
    for _ in range(60):
        keys.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Retry now":
            break
    keys.press("Enter")
    page.wait_for_selector("text=1 job retried")
    keys.press("/")
    keys.type("evt_9")
    keys.press("Enter")
    page.wait_for_selector("text=TimeoutError: the bank did not answer for A-9")
    assert person.said == []


def test_new_events_are_announced_and_a_restart_under_the_page_is_survived(chromium, shop):
    shop.deliver("evt_1", sku="A")
    person = Person(chromium, shop).sign_in("viewer")
    person.go("/events")
    rows = person.page.locator("#rows tr")
    expect(rows).to_have_count(1)
    shop.deliver("evt_2", sku="B")
    news = person.page.locator("#news a")
    expect(news).to_have_text("1 new event: show", timeout=10_000)
    expect(rows).to_have_count(1)  # none moves under a reader's eyes
    assert person.said == []
    shop.stop()
    shop.start()
    shop.deliver("evt_3", sku="C")
    expect(news).to_have_text("2 new events: show", timeout=20_000)
    news.click()
    expect(rows).to_have_count(3)
    person.go("/")
    expect(person.page.locator("#overview")).to_contain_text("3 dead letters", timeout=15_000)
    shop.deliver("evt_4", sku="D")
    expect(person.page.locator("#overview")).to_contain_text("4 dead letters", timeout=15_000)
    # A server that was gone is all that the console has to say.
    assert [one for one in person.said if "ERR_" not in one and "htmx:sse:error" not in one] == []


def test_yesterdays_payments_are_found_mended_and_replayed_from_the_dashboard_alone(
    chromium, any_shop, shots
):
    shop = any_shop
    wanted = sorted(f"evt_{number}" for number in range(12))
    for name in wanted:
        shop.deliver(name, sku=f"A-{name[4:]}")
    shop.deliver("evt_late", sku="B", slow=True)
    person = Person(chromium, shop).sign_in("operator")
    page = person.page
    deadline = time.monotonic() + 30
    while "12 dead letters" not in person.text():
        assert time.monotonic() < deadline, person.text()
        time.sleep(0.2)
        person.go("/")
    # Why? The exception, the file and line of our own code, the attempts, the next try.
    assert re.search(r"PriceError: no price for '", person.text())
    page.click("section:has(#dead) td a >> nth=0")
    page.wait_for_selector("text=All 12 at once")
    assert re.search(r"shop:\d+ in book_payment \S+/shop\.py:\d+", person.text())
    page.click("section:has(#letters) td a >> nth=0")
    page.wait_for_selector("text=Why it was let in")
    event = person.text()
    assert re.search(r"1 dead \d{4}-\d\d-\d\d [\d:]+ took", event)
    assert re.search(r"PriceError: no price for '.+' shop:\d+ in book_payment", event)
    assert "Given up: the handler said that it will never succeed" in event
    page.fill(".find input", "evt_late")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Next try")
    assert "TimeoutError: the bank did not answer for B" in person.text()
    assert re.search(
        r"Next try \d{4}-\d\d-\d\d [\d:]+ in (4\d|5\d|6\d|7\d|1\.\d) (min|h)", person.text()
    )
    # The fixed handler is deployed under the open browser.
    shop.stop()
    shop.deploy(FIXED)
    shop.start()
    assert shop.handled() == []
    # A plan first, which changes nothing; then its run.
    person.go("/letters")
    page.click("table.rows a >> nth=0")
    page.fill("input[name=reason]", "the price list is whole again")
    page.click("text=Plan a retry")
    page.wait_for_selector("text=Retry 12 jobs")
    page.screenshot(path=shots / f"plan-of-twelve-{shop.workers}.png")
    assert shop.handled() == []
    page.click("text=Run it")
    page.wait_for_selector("text=Done.", timeout=30_000)
    assert "12 of 12 looked at, 12 retried" in person.text()
    deadline = time.monotonic() + 60
    while shop.handled() != wanted:
        if shop.workers:  # a worker is woken by its first webhook
            shop.deliver("evt_wake", kind="charge.refunded")
        assert time.monotonic() < deadline, shop.handled()
        time.sleep(0.2)
    person.go("/letters")
    assert "Nothing was given up" in person.text()
    page.fill(".find input", "evt_0")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Why it was let in")
    assert re.search(r"1 dead .* 2 done ", person.text())
    person.go("/settings")
    assert person.text().count("dashboard, olga retry") == 12
    assert "the price list is whole again (plan " in person.text()
    time.sleep(0.5)
    assert shop.handled() == wanted  # each of them once
    assert person.said == []


def test_a_run_of_several_steps_goes_on_by_itself_and_stops_when_it_is_left(chromium, shop):
    for number in range(130):
        shop.deliver(f"evt_{number}", sku="A")
    person = Person(chromium, shop).sign_in("operator")
    page = person.page
    person.go("/letters")
    page.click("table.rows a >> nth=0")
    page.fill("input[name=reason]", "all of them were refunded")
    page.click("text=Plan to close")
    total = int(re.search(r"Close without running (\d+) jobs", person.text())[1])
    assert total > 100
    page.click("text=Run it")
    page.wait_for_selector("text=Done.", timeout=60_000)
    assert f"{total} of {total} looked at, {total} closed" in person.text()
    assert person.said == []


def test_pages_to_read_and_a_replay_work_without_javascript(chromium, busy):
    person = Person(chromium, busy, java_script_enabled=False).sign_in("operator")
    for path in PAGES.values():
        person.go(path)
        assert person.page.locator("h1").count() == 1
    person.go("/letters")
    person.page.click("table.rows a >> nth=0")
    person.page.fill("input[name=reason]", "mended")
    person.page.click("text=Plan a retry")
    person.page.click("text=Run it")
    person.page.wait_for_selector("text=Done.")


def test_who_may_look_only_finds_nothing_to_press(chromium, busy):
    person = Person(chromium, busy).sign_in("viewer")
    for path in ("/", "/letters", "/providers", "/events?state=dead"):
        person.go(path)
        assert person.page.locator("main form[method=post]").count() == 0
    person.page.click("#rows a >> nth=0")
    person.page.wait_for_selector("text=Why it was let in")
    assert person.page.locator("main form[method=post]").count() == 0
    person.page.click("text=Sign out")
    person.page.wait_for_selector("#token")
    person.go("/events")
    assert person.page.locator("#token").count() == 1
    assert person.said == []


def test_no_hostile_text_does_anything_in_a_browser(chromium, shop):
    for number, text in enumerate(HOSTILE):
        shop.deliver(f"evt_{number}", sku=text, note=text)
    person = Person(chromium, shop).sign_in()
    page = person.page
    for path in ("/", "/events", "/letters"):
        person.go(path)
        page.wait_for_timeout(300)  # for what is swapped in
    for number in range(len(HOSTILE)):
        person.go(f"/events?find=evt_{number}")
        page.fill("input[name=reason] >> nth=1", HOSTILE[number].replace("\x00", "") + "  ")
        page.click("text=Reveal")
        page.wait_for_selector("#body")
    person.go("/settings")
    assert page.locator("main img, main svg, main iframe, main script").count() == 0
    assert person.said == []
