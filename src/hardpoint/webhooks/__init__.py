"""Webhooks in: verified on raw bytes, stored before the answer, handled exactly once."""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.core.errors import MalformedRequestError as MalformedRequestError
    from hardpoint.core.errors import MissingSignatureError as MissingSignatureError
    from hardpoint.core.errors import SignatureMismatchError as SignatureMismatchError
    from hardpoint.core.errors import StaleTimestampError as StaleTimestampError
    from hardpoint.core.errors import WebhookError as WebhookError
    from hardpoint.core.traces import Place as Place
    from hardpoint.store.driver import Outcome as Outcome
    from hardpoint.store.driver import Stored as Stored
    from hardpoint.store.engine import CompletesIn as CompletesIn
    from hardpoint.store.fence import FENCE_TABLE as FENCE_TABLE
    from hardpoint.webhooks.answers import Answer as Answer
    from hardpoint.webhooks.attempts import HandlerFinished as HandlerFinished
    from hardpoint.webhooks.attempts import StoreInTheWay as StoreInTheWay
    from hardpoint.webhooks.reception import EventReceived as EventReceived
    from hardpoint.webhooks.reception import ReceptionFault as ReceptionFault
    from hardpoint.webhooks.reception import RequestsRefused as RequestsRefused
    from hardpoint.webhooks.replies import ReplyFailed as ReplyFailed
    from hardpoint.webhooks.replies import ReplyFunction as ReplyFunction
    from hardpoint.webhooks.replies import json_reply as json_reply
    from hardpoint.webhooks.replies import plain_reply as plain_reply
    from hardpoint.webhooks.verification import Arrival as Arrival
    from hardpoint.webhooks.verification import Notification as Notification
    from hardpoint.webhooks.verification import Reply as Reply
    from hardpoint.webhooks.verification import Scheme as Scheme
    from hardpoint.webhooks.verification import Verified as Verified
    from hardpoint.webhooks.verification import WebhookRequest as WebhookRequest
    from hardpoint.webhooks.verification import scheme as scheme
    from hardpoint.webhooks.worker import ThreadsStuck as ThreadsStuck
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.core.errors": (
                "MalformedRequestError",
                "MissingSignatureError",
                "SignatureMismatchError",
                "StaleTimestampError",
                "WebhookError",
            ),
            "hardpoint.core.traces": ("Place",),
            "hardpoint.store.driver": ("Outcome", "Stored"),
            "hardpoint.store.engine": ("CompletesIn",),
            "hardpoint.store.fence": ("FENCE_TABLE",),
            "hardpoint.webhooks.answers": ("Answer",),
            "hardpoint.webhooks.attempts": ("HandlerFinished", "StoreInTheWay"),
            "hardpoint.webhooks.reception": ("EventReceived", "ReceptionFault", "RequestsRefused"),
            "hardpoint.webhooks.replies": (
                "ReplyFailed",
                "ReplyFunction",
                "json_reply",
                "plain_reply",
            ),
            "hardpoint.webhooks.verification": (
                "Arrival",
                "Notification",
                "Reply",
                "Scheme",
                "Verified",
                "WebhookRequest",
                "scheme",
            ),
            "hardpoint.webhooks.worker": ("ThreadsStuck",),
        },
    )
