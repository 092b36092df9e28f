"""Sources that nobody signs: from where they are taken, and what is known of them."""

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.webhooks import WebhookRequest, scheme
from hardpoint.webhooks.unsigned import ForeignAddressError
from hardpoint.webhooks.verification import Arrival, Coverage, Replay

BODY = b'{"id":"evt_1","type":"paid"}'
NETWORKS = ["203.0.113.0/24", "2001:db8::/32"]


def taken(one, peer="", *forwarded):
    headers = [("X-Forwarded-For", line) for line in forwarded]
    request = WebhookRequest(headers=headers, body=BODY, arrival=Arrival(peer=peer))
    try:
        return one.verify(request, now=0).events[0].type == "paid"
    except ForeignAddressError:
        return False


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("203.0.113.9", True),
        ("::ffff:203.0.113.9", True),
        ("2001:db8::1%eth0", True),
        ("203.0.114.1", False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_a_request_is_taken_from_the_networks_alone(peer, expected):
    one = scheme("unsigned", addresses=NETWORKS)
    assert taken(one, peer) is expected
    assert taken(one, peer, "203.0.113.9") is expected  # who sends it may write what they like
    assert one.taken_from == "203.0.113.0/24, 2001:db8::/32"


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("10.0.0.1", ["203.0.113.9"], True),
        ("10.0.0.1", ["203.0.113.9, 10.0.0.2"], True),
        ("10.0.0.1", ["203.0.113.9", "10.0.0.2"], True),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.1"], False),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.1"], False),
        ("10.0.0.1", [], False),
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], False),
        ("203.0.113.9", [], True),
        ("198.51.100.1", ["203.0.113.9"], False),
        ("", ["203.0.113.9"], False),
    ],
)
def test_a_proxy_of_our_own_says_who_sent_it(peer, forwarded, expected):
    one = scheme("unsigned", addresses=NETWORKS, proxies=["10.0.0.0/8"])
    assert taken(one, peer, *forwarded) is expected


def test_a_proxy_may_connect_through_a_unix_socket():
    one = scheme("unsigned", addresses=NETWORKS, proxies=["unix"])
    assert taken(one, "", "203.0.113.9")
    assert not taken(one, "", "198.51.100.1")


def test_everybody_may_be_meant():
    one = scheme("unsigned", allow_anyone=True, type_from="header:X-Type")
    headers = one.sign(BODY, now=0, event_id="e", event_type="t")
    event = one.verify(WebhookRequest(headers=headers, body=BODY), now=0).events[0]
    assert (event.id, event.type, event.asserted) == ("", "t", False)
    assert (one.covers, one.replay, one.taken_from) == (Coverage.NONE, Replay.NONE, "anyone")
    assert one.decoy(now=0) == []


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({}, "addresses"),
        ({"addresses": []}, "addresses"),
        ({"addresses": NETWORKS, "allow_anyone": True}, "addresses"),
        ({"addresses": "203.0.113.7/24"}, "addresses[0]"),
        ({"addresses": [*NETWORKS, 7]}, "addresses[2]"),
        ({"addresses": ["10.0.0.0/32"] * 257}, "addresses"),
        ({"allow_anyone": "yes"}, "allow_anyone"),
        ({"allow_anyone": True, "proxies": ["here"]}, "proxies[0]"),
        ({"allow_anyone": True, "id_from": "/id"}, "id_from"),
        ({"allow_anyone": True, "secrets": ["x"]}, "secrets"),
    ],
)
def test_nobody_in_particular_is_refused_at_start(settings, key):
    with pytest.raises(ConfigurationError) as refused:
        scheme("unsigned", **settings)
    assert refused.value.key == key
