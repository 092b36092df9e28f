"""Clients of any third party, by configuration alone: `hub.rest("crm")`, `hub.graphql("shop")`."""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.clients.graphql.answers import PartialData as PartialData
    from hardpoint.clients.graphql.api import GraphQLClient as GraphQLClient
    from hardpoint.clients.graphql.errors import GraphQLError as GraphQLError
    from hardpoint.clients.graphql.errors import ReportedError as ReportedError
    from hardpoint.clients.graphql.iterating import GraphQLNodes as GraphQLNodes
    from hardpoint.clients.graphql.iterating import GraphQLSubscription as GraphQLSubscription
    from hardpoint.clients.graphql.settings import GraphQLSettings as GraphQLSettings
    from hardpoint.clients.grpc.api import GrpcClient as GrpcClient
    from hardpoint.clients.grpc.settings import GrpcSettings as GrpcSettings
    from hardpoint.clients.reconnecting import Follow as Follow
    from hardpoint.clients.reconnecting import Gap as Gap
    from hardpoint.clients.rest.answers import RestAnswer as RestAnswer
    from hardpoint.clients.rest.api import RestClient as RestClient
    from hardpoint.clients.rest.driver import RestDriver as RestDriver
    from hardpoint.clients.rest.iterating import RestEvents as RestEvents
    from hardpoint.clients.rest.iterating import RestPages as RestPages
    from hardpoint.clients.rest.iterating import RestStream as RestStream
    from hardpoint.clients.rest.paging import Paging as Paging
    from hardpoint.clients.rest.paging import RestPage as RestPage
    from hardpoint.clients.rest.paging import by as by
    from hardpoint.clients.rest.paging import cursor as cursor
    from hardpoint.clients.rest.paging import link as link
    from hardpoint.clients.rest.paging import offset as offset
    from hardpoint.clients.rest.paging import page as page
    from hardpoint.clients.rest.requests import RestRequest as RestRequest
    from hardpoint.clients.rest.settings import RestSettings as RestSettings
    from hardpoint.clients.sse.parsing import ServerEvent as ServerEvent
    from hardpoint.clients.websocket.client import WebSocketClient as WebSocketClient
    from hardpoint.clients.websocket.following import SocketStream as SocketStream
    from hardpoint.clients.websocket.settings import Buffer as Buffer
    from hardpoint.clients.websocket.settings import WebSocketSettings as WebSocketSettings
    from hardpoint.http.quotas import QuotaNews as QuotaNews
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.clients.graphql.answers": ("PartialData",),
            "hardpoint.clients.graphql.api": ("GraphQLClient",),
            "hardpoint.clients.graphql.errors": ("GraphQLError", "ReportedError"),
            "hardpoint.clients.graphql.iterating": ("GraphQLNodes", "GraphQLSubscription"),
            "hardpoint.clients.graphql.settings": ("GraphQLSettings",),
            "hardpoint.clients.grpc.api": ("GrpcClient",),
            "hardpoint.clients.grpc.settings": ("GrpcSettings",),
            "hardpoint.clients.reconnecting": ("Follow", "Gap"),
            "hardpoint.clients.rest.answers": ("RestAnswer",),
            "hardpoint.clients.rest.api": ("RestClient",),
            "hardpoint.clients.rest.driver": ("RestDriver",),
            "hardpoint.clients.rest.iterating": ("RestEvents", "RestPages", "RestStream"),
            "hardpoint.clients.rest.paging": (
                "Paging",
                "RestPage",
                "by",
                "cursor",
                "link",
                "offset",
                "page",
            ),
            "hardpoint.clients.rest.requests": ("RestRequest",),
            "hardpoint.clients.rest.settings": ("RestSettings",),
            "hardpoint.clients.sse.parsing": ("ServerEvent",),
            "hardpoint.clients.websocket.client": ("WebSocketClient",),
            "hardpoint.clients.websocket.following": ("SocketStream",),
            "hardpoint.clients.websocket.settings": ("Buffer", "WebSocketSettings"),
            "hardpoint.http.quotas": ("QuotaNews",),
        },
    )
