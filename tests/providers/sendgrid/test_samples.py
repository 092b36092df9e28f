import json

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.identifiers import Uuid7
from hardpoint.providers.sendgrid.reading import events
from hardpoint.webhooks.samples import samples

SAMPLES = samples("sendgrid")


@pytest.mark.parametrize("event_type", SAMPLES.types)
def test_a_sample_is_a_list_that_the_port_can_read(event_type):
    sample = SAMPLES.sample(event_type, now=5, ids=Uuid7())
    assert sample.content_type == "application/json"
    (event,) = events(sample.body)
    assert (event.event_id, event.to, event.at) == (sample.id, "ann@example.com", 5.0)
    (item,) = json.loads(sample.body)
    assert item["sg_message_id"].startswith(f"{event.email_id}.")


def test_a_sample_is_changed_by_its_place_in_the_list():
    sample = SAMPLES.sample(
        "delivered", now=0, ids=Uuid7(), overrides={"0.event": "bounce", "0.order": "7"}
    )
    assert sample.type == "bounce"
    (event,) = events(sample.body)
    assert (event.vendor_status, event.metadata) == ("bounce", {"order": "7"})
    named = SAMPLES.sample("delivered", now=0, ids=Uuid7(), overrides={"event": "bounce"})
    assert named.type == "bounce"
    with pytest.raises(ConfigurationError):
        SAMPLES.sample("delivered", now=0, ids=Uuid7(), overrides={"1.email": "x"})
