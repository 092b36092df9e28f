import asyncio
import io
import json
import sqlite3
import sys
import time

import pytest

from hardpoint.core.secrets import Secret
from hardpoint.demo import tally
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings, SourceSettings, StoreSettings
from hardpoint.providers.stripe.fake import FakeStripe
from hardpoint.webhooks import scheme

SECRET = "whsec_demo"


@pytest.fixture
def database(tmp_path):
    database = tmp_path / "shop.db"
    billing = SourceSettings(name="billing", provider="stripe", secrets=(Secret.value(SECRET),))
    hub = Hub(Settings(store=StoreSettings(path=database), webhooks={"billing": billing}))
    body = json.dumps({"id": "evt_1", "type": "payment_intent.succeeded"}).encode()
    signed = scheme("stripe", secrets=[SECRET]).sign(
        body, now=time.time(), event_id="evt_1", event_type="payment_intent.succeeded"
    )
    headers = [(name.lower().encode(), value.encode()) for name, value in signed]

    async def scenario():
        async with hub:
            answered = asyncio.get_running_loop().create_future()
            hub.receiver.submit("billing", headers, body, answered.set_result)
            assert (await answered).status == 200

    asyncio.run(scenario())
    with sqlite3.connect(database) as connection:
        connection.execute("create table orders (id text primary key)")
        connection.execute("insert into orders values ('1001')")
    connection.close()
    return str(database)


def test_it_counts_what_the_database_and_the_vendors_hold(database, monkeypatch, capsys):
    with FakeServer(FakeStripe()) as stripe:
        stripe.app.ledger.record("charge", reference="1001")
        asked = {
            "database": database,
            "acknowledged": ["evt_1", "evt_2"],
            "ledgers": {"stripe": f"{stripe.url}/_hardpoint/ledger"},
        }
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(asked)))

        tally.main()

    counts = json.loads(capsys.readouterr().out)
    assert counts["orders"] == [{"id": "1001"}]
    assert counts["states"]["total"] == 1
    assert counts["finished"]
    assert counts["lost"] == 1
    assert counts["vendors"] == {"stripe": [{"kind": "charge", "reference": "1001"}]}
