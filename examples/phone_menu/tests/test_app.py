import app


def test_a_customer_is_called_once_and_the_end_is_told(hardpoint_hub, fake_twilio):
    for _ in range(2):
        call = hardpoint_hub.run(app.call_about("+4917012345678", "1001"))
    [entry] = fake_twilio.ledger.entries("call")
    assert "Press 1" in entry.facts["twiml"]
    fake_twilio.app.proceed(call.id.partition(":")[2], "ringing", "in-progress", "completed")
    hardpoint_hub.deliver("calls")
    hardpoint_hub.drained()
    assert app.ended == {call.id: "completed"}


def test_a_key_is_answered_with_the_next_script(hardpoint_hub):
    for digits, heard in {"1": b"<Dial", "2": b"<Record", "9": b"Thank you"}.items():
        changes = {"Digits": digits, "CallStatus": "in-progress", "SequenceNumber": None}
        body = "&".join(f"{name}={one}" for name, one in changes.items() if one)
        body += "&CallSid=CA1&AccountSid=AC1&From=%2B15005550006&To=%2B4917012345678"
        hardpoint_hub.deliver("calls", "call.in-progress", body=body.encode())
        assert heard in hardpoint_hub.answers[-1].body
