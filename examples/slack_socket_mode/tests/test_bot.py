import asyncio
import json

import bot


def said(number, text):
    event = {"type": "message", "text": text}
    envelope = {"type": "events_api", "envelope_id": number, "payload": {"event": event}}
    return json.dumps(envelope)


def test_everything_is_heard_once_although_connections_move_and_break(hardpoint_hub):
    slack, socket = hardpoint_hub.fake("slack"), hardpoint_hub.fake("socket")
    url = socket.url.replace("http", "ws")
    slack.app.on(
        "POST /apps.connections.open",
        lambda request: {"ok": True, "url": f"{url}/link/?ticket={len(slack.app.received)}"},
    )

    def opened(one):
        one.send('{"type": "hello"}')
        match len(socket.app.opened):
            case 1:
                one.send(said("e-1", "hello"))
                one.send('{"type": "disconnect", "reason": "warning"}')
            case 2:
                one.send(said("e-1", "hello"))  # again: its acknowledgement was lost
                one.send(said("e-2", "are you there"))
                one.drop()
            case _:
                one.send(said("e-2", "are you there"))
                one.send(said("e-3", "stop"))

    socket.app.on(opened=opened)
    bot.hub.websocket("socket")
    asyncio.run(asyncio.wait_for(bot.listen(), 60))

    assert bot.heard == ["hello", "are you there", "stop"]
    assert json.loads(socket.app.received[-1]) == {"envelope_id": "e-3"}
    targets = [one.request.target for one in socket.app.opened]
    assert targets == [f"/link/?ticket={number}" for number in (1, 2, 3)]
