"""Twilio's calls, held to what every driver must do, in both modes, and through every fault."""

import asyncio
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.calls.connection import Connection
from hardpoint.core.errors import InvalidRequestError, PreconditionFailedError
from hardpoint.fakes.faults import status
from hardpoint.fakes.server import FakeServer
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.providers.twilio.fake import FakeTwilio
from hardpoint.providers.twilio.twiml import twiml
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.sync.voice import VoiceCaller as BlockingCaller
from hardpoint.testing.conformance.faults import Adapter, FaultConformance
from hardpoint.testing.conformance.served import driver_of, port_on
from hardpoint.testing.conformance.voice import VoiceConformance, VoiceSubject
from hardpoint.voice import CallAsked, CallChanged, CallStatus, Gather, Say, VoiceCaller
from hardpoint.webhooks import scheme

TO = "+4917012345678"
URL = "https://shop.example/webhooks/calls"


class TestTwilioVoice(VoiceConformance):
    @pytest.fixture
    def subject(self, mode, imitated):
        vendor = imitated.vendor
        return VoiceSubject(
            mode,
            imitated.driver(port="voice", status_url=URL),
            requests=imitated.requests,
            uncallable="+15005550001",
            proceed=lambda sid, course: vendor.proceed(
                sid, *(one.value.replace("_", "-") for one in course)
            ),
            events=imitated.events,
        )


class TestFaults(FaultConformance):
    adapter = Adapter(
        vendor=FakeTwilio,
        port=port_on(FakeTwilio, VoiceCaller, port="voice"),
        facade=BlockingCaller,
        calls={"unkeyed": lambda port: port.call(to=TO, script=[Say("Hello")])},
        effects="call",
        refused=(
            lambda port: port.call(to="+15005550001", script=[Say("Hello")]),
            InvalidRequestError,
        ),
    )


def play(scenario, **options):
    async def run(url):
        transport = AsyncTransport()
        driver = driver_of(vendor, transport, url, port="voice", **options)
        try:
            return await scenario(VoiceCaller(driver, Connection("calls", AsyncRuntime())), vendor)
        finally:
            await transport.close()

    vendor = FakeTwilio(delivers=False)
    with FakeServer(vendor) as server:
        vendor.server = server
        result = asyncio.run(run(server.url))
    vendor.emitter.close()
    return result


@given(st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable()))
def test_any_text_is_said_as_it_stands(text):
    root = ET.fromstring(twiml((Say(text), Gather((Say(text),)))))
    assert [one.text for one in root.iter("Say")] == [text, text]
    assert [one.tag for one in root.iter()] == ["Response", "Say", "Gather", "Say"]


def test_a_hang_up_that_is_refused_while_the_call_goes_on_is_an_error():
    async def scenario(port, vendor):
        call = await port.call(to=TO, script=[Say("Hello")])
        body = b'{"code": 21220, "message": "Call is not in-progress.", "status": 400}'
        vendor.server.faults.next(status(400, body=body))
        with pytest.raises(PreconditionFailedError):
            await port.hangup(call.id)

    play(scenario)


def test_what_is_keyed_in_is_asked_about():
    async def scenario(port, vendor):
        call = await port.call(to=TO, script=[Say("Hello")])
        sid = call.id.partition(":")[2]
        vendor.proceed(sid, "in-progress")
        vendor.ask(sid, URL, Digits="1", SpeechResult="one")
        vendor.ask(sid, URL, RecordingUrl="https://api.example/r")
        return call.id, [port.parse_event(one.body) for one in vendor.emitter.pending()]

    call_id, events = play(scenario)
    assert isinstance(events[0], CallAsked)
    assert (events[0].call_id, events[0].digits, events[0].speech) == (call_id, "1", "one")
    assert events[0].status is CallStatus.IN_PROGRESS
    assert "'1'" not in repr(events[0])
    assert events[1].recording_url == "https://api.example/r"


def test_what_is_about_no_call_is_nobodys_event():
    async def scenario(port, vendor):
        assert port.parse_event(b"MessageSid=SM1&MessageStatus=sent") is None
        assert port.parse_event(b"[]") is None
        told = port.parse_event(b"CallSid=CA1&CallStatus=teleported&SequenceNumber=1")
        assert (type(told), told.status, told.seconds) == (CallChanged, CallStatus.UNKNOWN, None)

    play(scenario)


def test_without_a_number_nobody_is_called():
    async def scenario(port, vendor):
        with pytest.raises(InvalidRequestError) as caught:
            await port.call(to=TO, script=[Say("Hello")])
        assert caught.value.field == "from_"

    play(scenario, from_=None)


def test_a_script_is_a_reply():
    bound = scheme("twilio", secrets=["12345"], url=URL)
    said = bound.reply([Gather((Say("Press 1 & <wait>."),), digits=1), Say("Goodbye.")])
    assert dict(said.headers)[b"content-type"].startswith(b"text/xml")
    assert b"Press 1 &amp; &lt;wait&gt;." in said.body
    assert bound.reply("hello").body == b"hello"
    with pytest.raises(InvalidRequestError, match=r"reply\[0\]"):
        bound.reply(["hello"])


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"From": "+15005550006", "Url": URL}, "21201"),
        ({"To": "4917", "From": "+15005550006", "Url": URL}, "21211"),
        ({"To": TO, "Url": URL}, "21213"),
        ({"To": TO, "From": "+15005550007", "Url": URL}, "21210"),
        ({"To": TO, "From": "+14155550100", "Url": URL}, "21210"),
        ({"To": TO, "From": "+15005550006"}, "21205"),
        ({"To": TO, "From": "+15005550006", "Url": "nowhere"}, "21205"),
        ({"To": TO, "From": "+15005550006", "Twiml": "<Response>"}, "12100"),
        ({"To": TO, "From": "+15005550006", "Twiml": "<Response><Sing/></Response>"}, "12200"),
        ({"To": TO, "From": "+15005550006", "Twiml": "x" * 4001}, "21219"),
        ({"To": TO, "From": "+15005550006", "Url": URL, "Timeout": "601"}, "21218"),
        ({"To": TO, "From": "+15005550006", "Url": URL, "StatusCallbackEvent": "odd"}, "21626"),
        ({"To": TO, "From": "+15005550006", "Url": URL, "Colour": "red"}, "20001"),
    ],
)
def test_the_fake_refuses_what_twilio_refuses(form, code):
    vendor = FakeTwilio()
    with pytest.raises(Exception) as caught:
        vendor.switchboard.create(list(form.items()))
    assert str(caught.value.code) == code
    vendor.emitter.close()


def test_a_call_at_the_fake_may_only_be_ended():
    vendor = FakeTwilio()
    call = vendor.switchboard.create([("To", TO), ("From", "+15005550006"), ("Url", URL)])
    with pytest.raises(Exception, match="Invalid Status"):
        vendor.switchboard.update(call.sid, [("Status", "ringing")])
    vendor.proceed(call.sid, "ringing", "completed")
    assert vendor.emitter.pending() == [], "nobody is told where nobody asked to be"
    vendor.emitter.close()
