import msgspec
import pytest

from hardpoint.fakes.messages import FakeReply, Received


def received(target="/", body=b"", **headers):
    return Received(method="POST", target=target, headers=headers, body=body)


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


PARTS = (
    b'--x\r\nContent-Disposition: form-data; name="Key"\r\n\r\na b\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n\r\nhello\r\n'
    b'--x\r\nContent-Disposition: form-data; name="late"\r\n\r\n1\r\n--x--\r\n'
)


@pytest.mark.parametrize("boundary", ["boundary=x", 'charset=utf-8; boundary="x"'])
def test_a_file_comes_with_the_fields_before_it(boundary):
    form = received(body=PARTS, **{"content-type": f"multipart/form-data; {boundary}"})
    assert form.upload() == ({"key": "a b"}, b"\r\nhello")


def test_a_form_without_a_file_has_its_fields():
    body = PARTS.replace(b'"file"', b'"other"')
    form = received(body=body, **{"content-type": "multipart/form-data; boundary=x"})
    assert form.upload() == ({"key": "a b", "other": "\r\nhello", "late": "1"}, None)


@pytest.mark.parametrize("kind", ["", "multipart/form-data", "application/json; boundary=x"])
def test_what_is_no_such_form_is_told(kind):
    with pytest.raises(ValueError, match="multipart"):
        received(body=PARTS, **{"content-type": kind}).upload()
