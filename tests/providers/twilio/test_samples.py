from urllib.parse import parse_qs

import pytest

from hardpoint.core.identifiers import Uuid7
from hardpoint.providers.twilio.reading import event
from hardpoint.webhooks.samples import samples

SAMPLES = samples("twilio")


@pytest.mark.parametrize("event_type", SAMPLES.types)
def test_a_sample_is_a_form_that_the_port_can_read(event_type):
    sample = SAMPLES.sample(event_type, now=0, ids=Uuid7())
    assert sample.content_type == "application/x-www-form-urlencoded"
    fields = parse_qs(sample.body.decode(), strict_parsing=True)
    assert fields["AccountSid"][0].startswith("AC")
    read = event(sample.body)
    assert (read is None) is event_type.startswith("call.")


def test_a_sample_can_be_changed_and_never_breaks_the_form():
    overrides = {"Body": "a&b=c \ud800", "MessageStatus": "read"}
    sample = SAMPLES.sample("message.delivered", now=0, ids=Uuid7(), overrides=overrides)
    assert sample.id.endswith(":read")
    assert parse_qs(sample.body.decode())["Body"] == ["a&b=c ?"]
