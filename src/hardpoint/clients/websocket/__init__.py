"""Any WebSocket by configuration alone: `provider = "websocket"`, and `hub.websocket("feed")`."""

from hardpoint.core.providers import Provider

_CONNECTOR = "hardpoint.clients.websocket.driver:connector"

PROVIDER = Provider(
    name="websocket",
    title="Any WebSocket",
    settings="hardpoint.clients.websocket.settings:WebSocketSettings",
    ports={"websocket": "hardpoint.clients.websocket.driver:WebSocketDriver"},
    effects={"websocket": (_CONNECTOR, _CONNECTOR)},
    fake="hardpoint.clients.websocket.fake:FakeWebSocket",
)
