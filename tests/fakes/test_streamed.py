"""The streams of fakes say what did not happen, and answer what is no stream."""

import urllib.error
import urllib.request

import pytest

from hardpoint.clients.graphql.fake import FakeGraphQL
from hardpoint.clients.rest.fake import FakeRest
from hardpoint.clients.websocket.fake import FakeWebSocket
from hardpoint.fakes.server import FakeServer


def test_who_did_not_come_is_told():
    with pytest.raises(TimeoutError, match="0 connections of 1"):
        FakeRest().events("/stream").wait_for(1, timeout=0.01)
    with pytest.raises(TimeoutError, match="0 subscribers of 1"):
        FakeGraphQL().subscription("Orders").wait_for(1, timeout=0.01)
    with pytest.raises(TimeoutError, match="0 connections were made"):
        FakeWebSocket().wait_for(1, timeout=0.01)


def test_what_is_no_handshake_is_told_to_upgrade():
    with FakeServer(FakeWebSocket()) as server:
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(server.url, timeout=10)
        assert caught.value.code == 426
        caught.value.close()


def test_a_handshake_with_what_has_no_sockets_is_answered_as_any_request():
    with FakeServer(FakeRest()) as server:
        server.app.on("GET /a", {"a": 1})
        request = urllib.request.Request(f"{server.url}/a", headers={"Upgrade": "websocket"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.read() == b'{"a":1}'
