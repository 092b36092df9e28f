"""Twilio's own library as an oracle: it signs as we do, sends what we send, and takes our fake."""

from importlib import import_module
from urllib.parse import parse_qsl, quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.fakes.messages import FakeReply
from hardpoint.providers.twilio.fake import ACCOUNT_SID, AUTH_TOKEN, SENDER, SERVICE_SID
from hardpoint.sms.types import NewMessage
from hardpoint.webhooks import WebhookRequest, scheme

rest = import_module("twilio.rest")
http_client = import_module("twilio.http.http_client")
validator = import_module("twilio.request_validator")

TO = "+4917012345678"
URLS = [
    "https://a.example/x",
    "https://a.example:443/x?q=1&p=%C3%BC",
    "https://a.example:8443/",
    "http://[::1]:8000/x",
]


class Several(dict):
    """Parameters that may stand several times, as web frameworks give them."""

    def getlist(self, name):
        return self[name]


def sdk(url):
    class Elsewhere(http_client.TwilioHttpClient):
        def request(self, method, uri, *arguments, **options):
            away = uri.replace("https://api.twilio.com", url)
            return super().request(method, away, *arguments, **options)

    client = Elsewhere(pool_connections=False)
    return rest.Client(ACCOUNT_SID, AUTH_TOKEN, http_client=client)


@given(
    url=st.sampled_from(URLS),
    form=st.dictionaries(
        st.text("aB +&=%é€🎉_", min_size=1, max_size=6).filter(lambda one: one[0] not in "{["),
        st.lists(st.text("aB +&=%é€🎉_", max_size=6), min_size=1, max_size=3),
        max_size=6,
    ),
    spell=st.sampled_from([quote, quote_plus]),
)
def test_it_signs_every_form_as_we_do(url, form, spell):
    signature = validator.RequestValidator("token").compute_signature(url, Several(form))
    body = urlencode(form, doseq=True, quote_via=spell).encode()
    ours = scheme("twilio", secrets=["token"], url=url)
    received = WebhookRequest(headers=[("X-Twilio-Signature", signature)], body=body)
    assert ours.authenticate(received, now=0)[0] == 0
    assert ours.sign(body, now=0, event_id="", event_type="")[0][1] == signature


def test_it_sends_what_we_send(scripted):
    scripted.vendor.reply = FakeReply.json({"sid": "SM1"}, 201)
    media = ["https://a.example/1", "https://a.example/2"]
    sdk(scripted.server.url).messages.create(
        to=TO, from_=SENDER, body="a&b ü", media_url=media, status_callback="https://a.example/s"
    )
    driver = scripted.driver(status_url="https://a.example/s")
    new = NewMessage(to=TO, body="a&b ü", media=tuple(media))
    with pytest.raises(Exception, match="form"):
        scripted.do(driver.send(new, idempotency_key="k"))
    theirs, ours = scripted.vendor.received
    assert (ours.method, ours.target) == (theirs.method, theirs.target)
    assert sorted(parse_qsl(ours.body.decode())) == sorted(parse_qsl(theirs.body.decode()))
    for name in ("authorization", "content-type"):
        assert ours.headers[name] == theirs.headers[name]


def test_it_works_against_the_fake(account):
    messages = sdk(account.server.url).messages
    sent = messages.create(to=TO, from_=SENDER, body="hello")
    assert (sent.status, sent.num_segments, sent.date_created.year >= 2026) == ("queued", "1", True)
    account.vendor.carry(sent.sid, "sent", "delivered")
    assert messages(sent.sid).fetch().status == "delivered"
    for number in range(5):
        messages.create(to=TO, messaging_service_sid=SERVICE_SID, body=str(number))
    listed = [one.body for one in messages.stream(to=TO, page_size=2)]
    assert listed == ["4", "3", "2", "1", "0", "hello"]
    with pytest.raises(Exception, match="blacklist"):
        messages.create(to="+15005550004", from_=SENDER, body="hello")
