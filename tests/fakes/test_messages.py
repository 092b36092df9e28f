import msgspec
import pytest

from hardpoint.fakes.messages import FakeReply, Received


def received(target="/", body=b""):
    return Received(method="POST", target=target, headers={}, body=body)


def test_a_request_is_read_as_what_it_is():
    assert received("/a?b=1&c=").path == "/a"
    assert received("/a?b=1&c=").query() == [("b", "1"), ("c", "")]
    assert received(body=b"a=1&b[c]=").form() == [("a", "1"), ("b[c]", "")]
    assert received(body=b'{"a": 1}').json() == {"a": 1}
    with pytest.raises(msgspec.DecodeError):
        received(body=b"{").json()


def test_a_json_reply_says_so():
    reply = FakeReply.json({"a": 1}, 201, ("x", "y"))
    assert (reply.status, reply.body) == (201, b'{"a":1}')
    assert reply.headers == (("content-type", "application/json"), ("x", "y"))
