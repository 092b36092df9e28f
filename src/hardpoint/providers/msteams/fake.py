"""A workflow of Microsoft Teams as a fake: strict about cards, and keeping what it posts.

A workflow has no values for tests, and neither has this: what its trigger does not take is refused.
"""

import re
from typing import Any, Final, final

from hardpoint.core.decoding import UNREADABLE
from hardpoint.fakes.fields import JsonFields
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.fakes.vendors import VendorFacts

SIGNATURE = "fake-signature"
PATH = "/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke"
QUERY = "api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig="
WEBHOOK_URL = f"https://prod-00.westeurope.logic.azure.com:443{PATH}?{QUERY}{SIGNATURE}"

_BYTES_MAX: Final = 28 * 1024
_CARD = re.compile(r"application/vnd\.microsoft\.card\.adaptive")
_RUN = {
    "weight": re.compile("Bolder"),
    "fontType": re.compile("Monospace"),
    "color": re.compile("Accent"),
}
_TEXT = re.compile(r"(?s).+")
_LINK = re.compile(r"https?://\S+")


class WorkflowRefusedError(Exception):
    """The workflow does not start."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.body = {"error": {"code": code, "message": message}}


def _mismatch(problem: str, field: str) -> Exception:
    return WorkflowRefusedError("TriggerInputSchemaMismatch", f"{field}: {problem}", 400)


@final
class FakeTeams:
    """One workflow, which posts to one channel.

    Args:
        signature: in its address.
    """

    name = "msteams"

    def __init__(self, signature: str = SIGNATURE) -> None:
        self.ledger = Ledger()
        """`message` for each that was posted, `refusal` for each that was not."""
        self.cards: list[list[dict[str, Any]]] = []
        """The bodies of the cards that were posted, oldest first."""
        self.enabled = True
        """Whether the workflow is switched on."""
        self.facts = VendorFacts(settings={"webhook_url": WEBHOOK_URL})
        self._target = f"{PATH}?{QUERY}{signature}"

    def answer(self, request: Received) -> FakeReply:
        """Start, or refuse as a workflow does."""
        run = ("x-ms-workflow-run-id", f"0858{len(self.cards):08d}")
        try:
            self.cards.append(self._started(request))
        except WorkflowRefusedError as refused:
            self.ledger.record("refusal", code=refused.code)
            return FakeReply.json(refused.body, refused.status, run)
        self.ledger.record("message", number=len(self.cards))
        return FakeReply(status=202, headers=(run,))

    def _started(self, request: Received) -> list[dict[str, Any]]:
        if request.path != PATH:
            raise WorkflowRefusedError("WorkflowNotFound", "The workflow is not found.", 404)
        if request.target != self._target:
            raise WorkflowRefusedError(
                "AuthorizationFailed", "The authentication credentials are not valid.", 401
            )
        if request.method != "POST":
            raise WorkflowRefusedError("MethodNotAllowed", "The method is not allowed.", 405)
        if not self.enabled:
            raise WorkflowRefusedError(
                "WorkflowTriggerIsNotEnabled", "The trigger is not enabled.", 403
            )
        if len(request.body) > _BYTES_MAX:
            raise WorkflowRefusedError("RequestEntityTooLarge", "The message is too large.", 413)
        try:
            document = request.json()
        except UNREADABLE:
            raise WorkflowRefusedError("InvalidRequestContent", "It is no JSON.", 400) from None
        return _read(JsonFields(document, _mismatch))


def _read(fields: JsonFields) -> list[dict[str, Any]]:
    fields.text("type", "is not message", re.compile("message"))
    body: list[dict[str, Any]] = []
    for one in fields.each("attachments"):
        one.text("contentType", "is no card", _CARD)
        one.take("contentUrl")
        card = one.inner("content")
        one.finish()
        card.text("type", "is no card", re.compile("AdaptiveCard"))
        card.text("version", "is not known to Teams", re.compile(r"1\.[0-5]"))
        for name in ("$schema", "msteams"):
            card.take(name)
        body += [_element(each) for each in card.each("body")]
        card.finish()
    fields.finish()
    if not body:
        raise fields.refusal("are missing", "attachments")
    return body


def _element(fields: JsonFields) -> dict[str, Any]:
    kind = fields.text("type", "is not known", re.compile("RichTextBlock|Container"))
    if kind == "Container":
        style = fields.text_or_none("style", "is not known", re.compile("emphasis|default"))
        fields.text_or_none("spacing", "is not known", re.compile("Small"))
        items = [_element(one) for one in fields.each("items")]
        fields.finish()
        return {"type": kind, "style": style, "items": items}
    runs = [_run(one) for one in fields.each("inlines")]
    fields.finish()
    if not runs:
        raise fields.refusal("are missing", "inlines")
    return {"type": kind, "inlines": runs}


def _run(fields: JsonFields) -> dict[str, Any]:
    fields.text("type", "is not known", re.compile("TextRun"))
    run: dict[str, Any] = {"text": fields.text("text", "is missing", _TEXT)}
    for name, known in _RUN.items():
        run[name] = fields.text_or_none(name, "is not known", known)
    for name in ("italic", "underline"):
        run[name] = fields.take(name) is True
    action = fields.inner_or_none("selectAction")
    if action is not None:
        action.text("type", "is not known", re.compile(r"Action\.OpenUrl"))
        run["url"] = action.text("url", "is no address", _LINK)
        action.finish()
    fields.finish()
    return run
