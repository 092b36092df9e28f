import asyncio
import io
import json
import sys
import time

from hardpoint.core.secrets import Secret
from hardpoint.demo import tally
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings, SourceSettings, StoreSettings
from hardpoint.webhooks import scheme


def test_an_empty_database_has_no_orders_and_what_was_acknowledged_is_lost(
    tmp_path, monkeypatch, capsys
):
    database = tmp_path / "shop.db"
    hub = Hub(Settings(store=StoreSettings(path=database)))

    async def scenario():
        async with hub:
            pass

    asyncio.run(scenario())
    monkeypatch.setattr(sys, "stdin", io.StringIO("evt_1\nevt_2\n"))
    monkeypatch.setattr(sys, "argv", ["tally", str(database)])

    tally.main()

    counts = json.loads(capsys.readouterr().out)
    assert counts["orders"] == []
    assert counts["accepted"] == 0
    assert counts["lost"] == 2


def test_what_is_stored_and_finished_is_not_lost(tmp_path):
    database = tmp_path / "shop.db"
    secret = "whsec_demo"
    billing = SourceSettings(name="billing", provider="stripe", secrets=(Secret.value(secret),))
    hub = Hub(Settings(store=StoreSettings(path=database), webhooks={"billing": billing}))
    body = json.dumps({"id": "evt_1", "type": "payment_intent.succeeded"}).encode()
    signed = scheme("stripe", secrets=[secret]).sign(
        body, now=time.time(), event_id="evt_1", event_type="payment_intent.succeeded"
    )
    headers = [(name.lower().encode(), value.encode()) for name, value in signed]

    async def scenario():
        async with hub:
            answered = asyncio.get_running_loop().create_future()
            hub.receiver.submit("billing", headers, body, answered.set_result)
            assert (await answered).status == 200

    asyncio.run(scenario())

    counts = tally.tally(str(database), ["evt_1"])
    assert counts["accepted"] == 1
    assert counts["lost"] == 0
