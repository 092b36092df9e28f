"""Rules about what has to stay secret, and about certificates."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from hardpoint.audit.findings import ChecklistItem, Severity, Spot, likely, unproven
from hardpoint.audit.flow import MadeOf, ValueFlow
from hardpoint.audit.knowledge import knowledge
from hardpoint.audit.program import CallSite, CodeModule
from hardpoint.audit.rules.making import constant, made

_LOGS: Final = frozenset(
    {"debug", "info", "warning", "warn", "error", "exception", "critical", "log"}
)
_LOGGERS: Final = re.compile(
    r"(^|[.?_])(log|logger|logging|structlog)\b|getLogger|get_logger|_log\b", re.IGNORECASE
)
_IN_URL: Final = re.compile(
    r"[?&](access_token|api_?key|token|auth_token|client_secret|secret|password)=$", re.IGNORECASE
)
_CERTAIN: Final = re.compile(
    r"[?&](access_token|auth_token|client_secret|secret|password)=$", re.IGNORECASE
)
_WHOLE_URL: Final = re.compile(
    r"https?://\S*[?&](access_token|api_?key|auth_token|client_secret)=(\{|%s|$)"
)
_SAMPLE: Final = re.compile(
    r"example|placeholder|your|xxxx|\.\.\.|1234567890abcdef|dummy|fake|test_?key|<|0000000",
    re.IGNORECASE,
)


@made(
    "HP601",
    "secret-in-code",
    ChecklistItem.SECURITY,
    Severity.HIGH,
    "A secret stands in the code",
    "Revoke it at the vendor now; then read the new one from the environment or a secret store.",
)
def in_code(module: CodeModule) -> Iterator[Spot]:
    """Literals that begin as vendors' secrets do, and credentials given as literals."""
    for text in module.strings:
        value = text.value if isinstance(text.value, str) else ""
        if len(value) >= 16 and knowledge().secret.fullmatch(value) and not _SAMPLE.search(value):
            yield Spot(text, f"it begins as a secret does: {value[:8]}...")
    for call in module.calls:
        if call.name in {"twilio.rest.Client", "twilio.Client"} and len(call.node.args) > 1:
            value = constant(call.node.args[1])
            if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{32}", value):
                yield Spot(call.node.args[1], "the account's token is a literal")


@made(
    "HP602",
    "secret-logged",
    ChecklistItem.LOGGING,
    Severity.HIGH,
    "A secret is written to the log",
    "Log an id or a fingerprint; keep headers, tokens and whole answers out.",
)
def logged(module: CodeModule) -> Iterator[Spot]:
    """A token, key or card number that flows into a log call or print."""
    for call in module.calls:
        if not _is_log(call):
            continue
        flow = ValueFlow(module, call.function)
        for given in [*call.node.args, *(one.value for one in call.node.keywords)]:
            if isinstance(given, ast.Constant):
                continue
            if MadeOf.SECRET in flow.tags(given):
                maker = Spot if _integrates(module) else likely
                yield maker(given, "what it holds is secret")
                break
            if _headers_of_request(given):
                yield likely(given, "headers hold credentials and signatures")


def _integrates(module: CodeModule) -> bool:
    return any(knowledge().sends(one) for one in module.calls) or bool(
        module.names.imported & knowledge().sdks.keys()
    )


def _is_log(call: CallSite) -> bool:
    if call.name == "print":
        return True
    return call.last in _LOGS and _LOGGERS.search(call.name.rpartition(".")[0]) is not None


def _headers_of_request(node: ast.expr) -> bool:
    return any(
        isinstance(one, ast.Attribute) and one.attr == "headers"
        for one in [node, *ast.iter_child_nodes(node)]
    )


@made(
    "HP603",
    "vendor-error-shown-to-user",
    ChecklistItem.SECURITY,
    Severity.LOW,
    "The customer reads the vendor's exception",
    "Map the code to a text of yours, log the error, and show a correlation id.",
)
def shown(module: CodeModule) -> Iterator[Spot]:
    """`detail=str(e)` of a vendor's exception."""
    for call in module.calls:
        handler = call.handler
        if handler is None or not handler.name or handler.type is None:
            continue
        if call.last not in {
            "HTTPException",
            "jsonify",
            "JSONResponse",
            "JsonResponse",
            "HttpResponse",
            "abort",
            "Response",
        }:
            continue
        kind = (
            module.name_of(handler.type, call.function)
            if not isinstance(handler.type, ast.Tuple)
            else ""
        )
        if knowledge().sdks.get(kind.partition(".")[0]) is None:
            continue
        if any(
            _tells(one, handler.name)
            for given in [*call.node.args, *(k.value for k in call.node.keywords)]
            for one in ast.walk(given)
        ):
            yield Spot(call.node, "the vendor's own words go to whoever asked")


def _tells(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="str" | "repr"), args=[ast.Name(id=given)]):
            return given == name
        case ast.FormattedValue(value=ast.Name(id=given)):
            return given == name
        case _:
            return False


@made(
    "HP605",
    "signed-url-stored",
    ChecklistItem.SECURITY,
    Severity.MEDIUM,
    "A signed address is stored, and will have run out when it is read",
    "Store the object's key, and sign when somebody asks.",
)
def signed_url(module: CodeModule) -> Iterator[Spot]:
    """A presigned address that flows into a field of a model."""
    if "signed" not in module.source:
        return
    for function in module.functions:
        flow = ValueFlow(module, function)
        for name, values in function.assigns.items():
            head, _, rest = name.partition(".")
            if not rest or head in {"self", "cls"}:
                continue
            for value in values:
                if MadeOf.SIGNED_URL in flow.tags(value):
                    yield Spot(value, "it is stored, and works only for a while")
        for call in function.calls:
            if (
                call.last in {"create", "update", "update_or_create"}
                and ".objects." in f".{call.name}"
            ):
                for given in call.node.keywords:
                    if MadeOf.SIGNED_URL in flow.tags(given.value):
                        yield Spot(given.value, "it is stored, and works only for a while")


@made(
    "HP506",
    "token-in-url",
    ChecklistItem.SECURITY,
    Severity.HIGH,
    "A token is part of an address",
    "Send it in the Authorization header; addresses are in every log on the way.",
)
def in_url(module: CodeModule) -> Iterator[Spot]:
    """`?access_token=` followed by a value, and `params={"api_key": ...}`."""
    for text in module.joined:
        for part, following in zip(text.values, text.values[1:], strict=False):
            literal = constant(part)
            if (
                isinstance(literal, str)
                and _IN_URL.search(literal)
                and isinstance(following, ast.FormattedValue)
            ):
                if re.search(
                    r"https?://|^/|\?", "".join(str(constant(one)) for one in text.values)
                ):
                    found = Spot if _CERTAIN.search(literal) else likely
                    yield found(text, "the token is in the address")
                    break
    for text in module.strings:
        if isinstance(text.value, str) and _WHOLE_URL.match(text.value):
            yield likely(text, "the token is in the address")
    for call in module.calls:
        if knowledge().http(call) is None:
            continue
        params = call.keyword("params")
        if isinstance(params, ast.Dict):
            keys = {constant(one) for one in params.keys}
            if keys & {"access_token", "api_key", "apikey", "auth_token", "client_secret"}:
                yield likely(params, "the token is in the query")


@made(
    "HP607",
    "certificates-unchecked",
    ChecklistItem.SECURITY,
    Severity.HIGH,
    "Certificates are not checked",
    "Leave `verify` alone, or give it the path of the authority's certificate.",
    tests_too=False,
)
def unchecked(module: CodeModule) -> Iterator[Spot]:
    """`verify=False`, `ssl=False`, `CERT_NONE`, an unverified context."""
    for call in module.calls:
        known = knowledge().http(call) is not None or call.last in {
            "Client",
            "AsyncClient",
            "TCPConnector",
            "client",
            "resource",
        }
        if known and call.root in {"requests", "httpx", "httpx2", "aiohttp", "boto3", "urllib3"}:
            for name in ("verify", "ssl", "verify_ssl", "cert_reqs"):
                value = call.keyword(name)
                if constant(value) is False or constant(value) == "CERT_NONE":
                    yield Spot(
                        call.node,
                        f"`{name}={constant(value)}`: anybody in between may answer",
                    )
        elif call.name == "ssl._create_unverified_context":
            yield Spot(call.node, "an unverified context: anybody in between may answer")
    for function in module.functions:
        for name, values in function.assigns.items():
            if name.endswith(".verify") and any(constant(one) is False for one in values):
                owner = module.name_of(
                    ast.parse(name.rpartition(".")[0], mode="eval").body, function
                )
                if owner.partition(".")[0] in {"requests", "httpx", "httpx2"}:
                    yield Spot(values[0], "`verify = False`: anybody in between may answer")


@made(
    "HP106",
    "empty-secret-accepted",
    ChecklistItem.SECURITY,
    Severity.HIGH,
    "Without its secret configured, the door is open",
    "Read it with `os.environ[...]`, so that the process does not start without it.",
)
def empty_secret(module: CodeModule) -> Iterator[Spot]:
    """`os.getenv("WEBHOOK_SECRET", "")`, and verification only `if secret`."""
    for call in module.calls:
        if call.name in {"os.getenv", "os.environ.get"} and len(call.node.args) == 2:
            name, default = map(constant, call.node.args)
            if isinstance(name, str) and isinstance(default, str) and _SIGNING.search(name):
                if default == "":
                    found = Spot if _signs(module) else unproven
                    yield found(
                        call.node, f"without {name} the secret is empty, and anybody can sign"
                    )
    for function in module.functions:
        for branch in function.branches:
            if not isinstance(branch.test, ast.Name | ast.Attribute) or branch.orelse:
                continue
            if MadeOf.SECRET not in ValueFlow(module, function).tags(
                branch.test
            ) and not _SIGNING.search(ast.unparse(branch.test)):
                continue
            shown = ast.unparse(ast.Module(branch.body, []))
            if re.search(r"construct_event|compare_digest|verif", shown):
                yield Spot(branch, "without the secret nothing is verified")


_SIGNING: Final = re.compile(
    r"(webhook|signing|endpoint|hook|hmac|shared)\w*_?(secret|key)|WHSEC", re.IGNORECASE
)


def _signs(module: CodeModule) -> bool:
    return (
        "hmac" in module.names.imported
        or "construct_event" in module.source
        or "Webhook(" in module.source
    )


RULES: Final = (empty_secret, in_url, in_code, logged, shown, signed_url, unchecked)
