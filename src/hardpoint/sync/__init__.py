"""hardpoint without `await`: the same names, for plain scripts and threads.

Each facade holds the asynchronous object and steps it; inside a running event loop it refuses. All
modules here but `hub` are written by scripts/generate_sync.
"""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.sync.api_keys import ApiKeys as ApiKeys
    from hardpoint.sync.chat import ChatNotifier as ChatNotifier
    from hardpoint.sync.email import EmailSender as EmailSender
    from hardpoint.sync.functions import FunctionInvoker as FunctionInvoker
    from hardpoint.sync.graphql import GraphQLClient as GraphQLClient
    from hardpoint.sync.graphql import GraphQLNodes as GraphQLNodes
    from hardpoint.sync.grpc import GrpcClient as GrpcClient
    from hardpoint.sync.hub import Hub as Hub
    from hardpoint.sync.payments import PaymentGateway as PaymentGateway
    from hardpoint.sync.queues import Queue as Queue
    from hardpoint.sync.rest import RestClient as RestClient
    from hardpoint.sync.rest import RestPages as RestPages
    from hardpoint.sync.rest import RestStream as RestStream
    from hardpoint.sync.sms import SmsSender as SmsSender
    from hardpoint.sync.storage import ObjectStore as ObjectStore
    from hardpoint.sync.vault import Vault as Vault
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.sync.api_keys": ("ApiKeys",),
            "hardpoint.sync.chat": ("ChatNotifier",),
            "hardpoint.sync.email": ("EmailSender",),
            "hardpoint.sync.functions": ("FunctionInvoker",),
            "hardpoint.sync.graphql": ("GraphQLClient", "GraphQLNodes"),
            "hardpoint.sync.grpc": ("GrpcClient",),
            "hardpoint.sync.hub": ("Hub",),
            "hardpoint.sync.payments": ("PaymentGateway",),
            "hardpoint.sync.queues": ("Queue",),
            "hardpoint.sync.rest": ("RestClient", "RestPages", "RestStream"),
            "hardpoint.sync.sms": ("SmsSender",),
            "hardpoint.sync.storage": ("ObjectStore",),
            "hardpoint.sync.vault": ("Vault",),
        },
    )
