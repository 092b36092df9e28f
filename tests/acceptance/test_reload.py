"""The configuration changes while webhooks come in: no restart, and never a bad version."""

import asyncio

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.webhooks.answers import STORED, UNAUTHORIZED

BODY = b'{"id": "evt_1", "type": "paid"}'


def rewrite(shop, *change):
    configuration = shop.folder / "hardpoint.toml"
    configuration.write_text(configuration.read_text().replace(*change))


def test_a_new_secret_is_accepted_after_a_reload_and_the_old_one_no_more(shop):
    async def scenario():
        old = shop.sign("billing", BODY, secrets=["whsec_one"])
        new = shop.sign("billing", BODY, secrets=["whsec_two"])
        before = await shop.post("billing", new, BODY)
        shop.keep("billing", "whsec_two")
        unread = await shop.post("billing", new, BODY)
        await shop.hub.reload()
        return [
            before,
            unread,
            await shop.post("billing", new, BODY),
            await shop.post("billing", old, BODY),
        ]

    assert shop.open(scenario) == [UNAUTHORIZED, UNAUTHORIZED, STORED, UNAUTHORIZED]


@pytest.mark.parametrize(
    "change",
    [
        ("file:billing.secret", "file:missing.secret"),
        ("file:billing.secret", "whsec_literal"),
        ("provider", "provder"),
        ("[webhooks.billing]", "[webhooks.billing"),
        ("sqlite:shop.db", "sqlite:other.db"),
    ],
)
def test_a_bad_version_is_refused_and_the_old_one_goes_on(shop, change):
    async def scenario():
        rewrite(shop, *change)
        with pytest.raises(ConfigurationError):
            await shop.hub.reload()
        stored = await shop.pay("1001")
        rewrite(shop, *reversed(change))
        await shop.hub.reload()
        return stored, await shop.pay("1002")

    assert shop.open(scenario) == (STORED, STORED)


def test_a_source_may_come_and_go(shop):
    async def scenario():
        headers = shop.sign("billing", BODY)
        rewrite(shop, "[webhooks.billing]", "[webhooks.payments]")
        await shop.hub.reload()
        return [await shop.post(name, headers, BODY) for name in ("billing", "payments")]

    assert shop.open(scenario) == [UNAUTHORIZED, STORED]


def test_no_genuine_request_is_refused_while_secrets_are_rolled_under_load(shop):
    """Old, then both, then new; the vendor changes over while both are live."""
    shop.live["billing"] = ["whsec_one"]
    answers = []

    async def vendor():
        for number in range(600):
            answers.append(shop.pay(str(number)))
            await asyncio.sleep(0.001)

    async def roll():
        await asyncio.sleep(0.1)
        shop.keep("next", "whsec_two")
        rewrite(shop, '"file:billing.secret"', '"file:next.secret", "file:billing.secret"')
        await shop.hub.reload()
        await asyncio.sleep(0.1)
        shop.live["billing"] = ["whsec_two"]
        await asyncio.sleep(0.1)
        rewrite(shop, ', "file:billing.secret"', "")
        await shop.hub.reload()

    async def scenario():
        await asyncio.gather(vendor(), roll())
        return await asyncio.gather(*answers)

    assert set(shop.open(scenario)) == {STORED}
    assert len(shop.events()) == 600
