from hardpoint.http.messages import BodyStream, Request, Response


def test_a_request_shows_neither_headers_nor_body_nor_query():
    request = Request(
        method="POST",
        url="https://user:pw@api.example/v1/x?key=abc#part",
        headers=(("authorization", "Bearer abc"),),
        body=b"card=4242",
    )
    assert repr(request) == "Request(POST https://api.example/v1/x?****, 9 bytes)"


def test_a_response_shows_neither_headers_nor_body():
    response = Response(status=200, headers={"set-cookie": "abc"}, body=b"secret")
    assert repr(response) == "Response(200, 6 bytes)"


def test_a_body_in_pieces_shows_no_more_than_its_size():
    async def pieces():
        yield b"secret"

    assert repr(BodyStream(size=6, pieces=pieces())) == "BodyStream(6 bytes)"
