"""What others have written is text on every page, whatever it says."""

import unicodedata
from urllib.parse import quote

import pytest
from tests.dashboard.conftest import Links
from tests.dashboard.hostile import HOSTILE, assert_tame

from hardpoint.core.errors import HardpointError
from hardpoint.dashboard.drawing import shown, templates, visible


def test_hostile_text_stays_text_on_each_page(site):
    async def scenario(site):
        everything = " ".join(HOSTILE)
        await site.deliver("evt_1", kind=everything[:200], says=everything)
        await site.deliver(everything[250:300], fate="permanent", says=everything, note=HOSTILE)
        await site.deliver(everything[:190], fate="failed", says=everything)
        await site.quiet()
        browser = await site.signed_in()
        with pytest.raises(HardpointError):
            await site.hub.rest("crm").get(f"/{quote(everything, safe='')}")
        for one in HOSTILE:
            await site.hub.shared.note(one, one, actor=one, reason=one)
        site.hub.policy("crm").breaker.force_open(everything)
        pages = ["/", "/events", "/letters", "/calls", "/providers", "/accounts", "/settings"]
        browsed = [Links((await browser.get(path)).text) for path in ("/letters", "/calls")]
        found = [url for page in browsed for url in page.urls]
        causes = [one.removeprefix("/dashboard") for one in found if "/letters/" in one]
        pages += [*causes, *(one.removeprefix("/dashboard") for one in found if "/calls/" in one)]
        assert len(causes) == 1
        assert len(pages) == 9
        asked = quote(everything.replace("\x00", ""), safe="")[:1500]
        for path, names in (
            ("events", ("type", "find", "source", "state", "since", "before")),
            ("letters", ("since",)),
            ("calls", ("connection",)),
            ("accounts", ("tenant",)),
            ("settings", ("before",)),
            ("login", ("next",)),
        ):
            pages += [f"/{path}?{name}={asked}" for name in names]
            pages += [f"/{path}?{name}={quote(HOSTILE[0])}" for name in names]
        pages += [f"/{quote(one, safe='')}" for one in HOSTILE]
        events = [f"/events/{one}" for one in site.ids()]
        for path in (*pages, *events):
            html = (await browser.get(path)).text
            assert_tame(html, Links(html))
        for event in events:
            reply = await browser.post(f"{event}/payload", on=event, reason=everything)
            assert reply.status_code == 200
            assert_tame(reply.text, Links(reply.text))
        for path in ("plan", "run"):
            fields = {"total": "1", "looked": "0", "changed": "0", "until": "1", "plan": HOSTILE[0]}
            reply = await browser.post(
                f"{causes[0]}/{path}", on=causes[0], action="retry", reason=HOSTILE[0], **fields
            )
            assert reply.status_code == 200
            assert_tame(reply.text, Links(reply.text))

    site(scenario)


def test_every_character_that_acts_is_shown_as_what_it_is():
    for point in range(0x110000):
        one = chr(point)
        if one not in "\n\t" and unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            assert visible(one) == f"⟨U+{point:04X}⟩"
    for plain in ("a\n\tb", "naïve — 東京 🙂", ""):
        assert visible(plain) == plain
    assert (shown(None), shown(3)) == ("", "3")


@pytest.mark.parametrize("name", ["<script>", "\u202e"])
def test_a_template_escapes_what_it_is_given(name):
    page = templates().from_string("<p title='{{ name }}'>{{ name }}</p>").render(name=name)
    assert name not in page
