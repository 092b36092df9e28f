import asyncio

import checkout
import httpx2
import rates
import send_sms
import sign_in

from hardpoint.testing import commit_then_drop


def test_a_session_is_fulfilled_once(hardpoint_hub):
    for _ in range(2):
        hardpoint_hub.deliver("billing", "checkout.session.completed", {"id": "evt_1"})
    [finished] = hardpoint_hub.drained()
    assert finished.error is None


def test_a_lost_answer_makes_no_second_page(hardpoint_hub):
    stripe = hardpoint_hub.fake("shop")
    stripe.faults.next(commit_then_drop(), on="POST /v1/checkout/sessions")
    first = hardpoint_hub.run(checkout.pay("order-1", "mug"))
    assert first == hardpoint_hub.run(checkout.pay("order-1", "mug"))


def test_a_reminder_is_sent_once(hardpoint_hub):
    for _ in range(2):
        hardpoint_hub.run(send_sms.remind("7", "+4917012345678"))
    assert hardpoint_hub.fake("texts").ledger.count("message") == 1


def test_sign_in_has_its_routes():
    assert {"/login/{connection}", "/logout"} & {one.path for one in sign_in.app.routes}


def test_an_outage_that_passes_is_not_noticed(monkeypatch):
    answers = iter([httpx2.Response(503), httpx2.Response(200, json={"rate": "1.1"})])
    transport = httpx2.MockTransport(lambda _: next(answers))
    monkeypatch.setattr(
        rates, "http", httpx2.AsyncClient(transport=transport, base_url="https://r.example")
    )
    assert str(asyncio.run(rates.fresh("EUR"))) == "1.1"
