"""Webhooks in: verified on raw bytes, stored before the answer, handled exactly once."""

from hardpoint.core.errors import WebhookError
from hardpoint.webhooks.verification import Verified, WebhookRequest, scheme

__all__ = ["Verified", "WebhookError", "WebhookRequest", "scheme"]
