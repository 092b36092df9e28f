"""What is refused before anything is sent."""

import pytest

from hardpoint.core.errors import InvalidRequestError


@pytest.mark.parametrize("message", ["\ud800", 17, {}, {"a": 1}, [], None])
def test_what_is_no_message_is_refused_and_the_connection_lives(feed, message):
    async def sending(socket):
        with pytest.raises(InvalidRequestError) as refused:
            await socket.send(message)
        assert refused.value.field == "message"
        await socket.send("good", confirm=True)
        await socket.send(bytearray(b"good"), confirm=True)
        return [*feed.fake.received]

    assert feed.run(sending) == ["good", b"good"]
    assert len(feed.fake.opened) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"x": "a\r\nauthorization: evil"},
        {"x: 1\r\nauthorization: evil\r\ny": "z"},
        {"x": "\u0142"},
        {"x": "\ud800"},
        {"x": 17},
        {17: "x"},
        {"bad name": "x"},
        {"Authorization": "Bearer theirs"},
        {"Host": "evil.example"},
        {"Upgrade": "other"},
        {"Sec-WebSocket-Key": "AAAA"},
    ],
)
def test_a_header_that_cannot_be_is_refused_before_anybody_is_called(feed, headers):
    async def nothing(socket):
        pass

    with pytest.raises(InvalidRequestError) as refused:
        feed.run(nothing, headers=headers)
    assert "evil" not in str(refused.value) or "Host" in headers
    assert feed.server.requests == 0
    feed.run(nothing, headers={"x-own": "1"})
    assert feed.fake.opened[0].request.headers["x-own"] == "1"
