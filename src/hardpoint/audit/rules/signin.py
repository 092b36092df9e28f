"""Rules about OAuth and tokens."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from hardpoint.audit.findings import ChecklistItem, Severity, Spot, likely, proven, unproven
from hardpoint.audit.program import CallSite, CodeModule
from hardpoint.audit.rules.making import constant, made, string_keys, values_of

_AUTHORIZE: Final = re.compile(r"authori[sz]e|/auth\b|/oauth2?/v?\d*/?auth|oauth/v2/authorize")
_HOST: Final = re.compile(
    r"request\.(host_url|host|url_root|base_url|url|get_host\(\)|build_absolute_uri|url_for|root_url)"
    r"|headers(\.get\(|\[)['\"](host|x-forwarded-host)|HTTP_HOST|_external=True",
    re.IGNORECASE,
)


@made(
    "HP501",
    "sign-in-without-state",
    ChecklistItem.SECURITY,
    Severity.HIGH,
    "Anybody can finish a sign-in that somebody else began",
    "Send a random `state`, keep it in the session, and compare it in the callback.",
)
def no_state(module: CodeModule) -> Iterator[Spot]:
    """An authorization request without `state`; a callback that never compares."""
    for node, keys in _authorizations(module):
        if "state" not in keys:
            yield Spot(node, "the request has no `state`")
    for function in module.functions[1:]:
        if "callback" not in function.name.lower():
            continue
        shown = ast.unparse(function.node)
        if (
            re.search(
                r"args(\.get)?[\[(]['\"]code['\"]|GET(\.get)?[\[(]['\"]code['\"]|query_params(\.get)?[\[(]['\"]code['\"]",
                shown,
            )
            is None
        ):
            continue
        if re.search(r"token", shown) is None:
            continue
        if "state" in shown:
            yield proven(function.node, "the state is looked at")
        elif not any("state" not in keys for _, keys in _authorizations(module)):
            yield Spot(function.node, "the callback never looks at `state`")


def _authorizations(module: CodeModule) -> Iterator[tuple[ast.AST, set[str]]]:
    """The parameters of each authorization request: dicts, and addresses that are spelled out."""
    for call in module.calls:
        if call.name in {
            "urllib.parse.urlencode",
            "urllib.urlencode",
            "six.moves.urllib.parse.urlencode",
        }:
            given = call.node.args[0] if call.node.args else None
            for value in _dicts(given, call):
                keys = string_keys(value)
                if {"client_id", "redirect_uri"} <= keys and not {
                    "code",
                    "grant_type",
                    "client_secret",
                } & keys:
                    if not _adds_state(value, given, call):
                        yield call.node, keys
                    else:
                        yield call.node, keys | {"state"}
    for text in module.joined:
        shown = "".join(
            str(one.value) if isinstance(one, ast.Constant) else "{}" for one in text.values
        )
        if (
            "client_id=" in shown
            and "redirect_uri=" in shown
            and _AUTHORIZE.search(shown)
            and "client_secret" not in shown
        ):
            yield text, {"state"} if "state=" in shown else set()


def _dicts(node: ast.expr | None, call: CallSite) -> list[ast.AST]:
    return [one for one in values_of(node, call.function) if isinstance(one, ast.Dict | ast.Call)]


def _adds_state(value: ast.AST, given: ast.expr | None, call: CallSite) -> bool:
    if isinstance(value, ast.Dict) and any(one is None for one in value.keys):
        return True
    name = given.id if isinstance(given, ast.Name) else ""
    return (
        bool(name)
        and re.search(
            rf"{name}\[['\"]state['\"]\]|{name}\.(update|setdefault)",
            ast.unparse(call.function.node),
        )
        is not None
    )


@made(
    "HP502",
    "sign-in-without-pkce",
    ChecklistItem.SECURITY,
    Severity.LOW,
    "A code that is stolen on its way can be used",
    "Send `code_challenge` (S256) and its verifier; most vendors take it.",
)
def no_pkce(module: CodeModule) -> Iterator[Spot]:
    """An authorization request without a challenge."""
    for node, keys in _authorizations(module):
        if "code_challenge" in keys or "code_challenge" in module.source:
            yield proven(node, "it has a challenge")
        else:
            yield likely(node, "the request has no `code_challenge`")


@made(
    "HP503",
    "refresh-without-lock",
    ChecklistItem.RESILIENCE,
    Severity.MEDIUM,
    "Two refreshes at once, and the grant is lost",
    "One refresh at a time for each account, under a lock that all processes share.",
)
def no_lock(module: CodeModule) -> Iterator[Spot]:
    """An expiry is checked, and a refresh token is sent, with no lock around."""
    for function in module.functions[1:]:
        sends = [one for one in function.calls if _refreshes(one)]
        if not sends:
            continue
        shown = ast.unparse(function.node)
        outer = " ".join(ast.unparse(one) for one in function.decorators)
        if re.search(
            r"lock|mutex|select_for_update|semaphore|single_flight|singleflight",
            f"{shown} {outer}",
            re.IGNORECASE,
        ):
            yield proven(function.node, "it refreshes under a lock")
            continue
        checks = re.search(
            r"(expir\w*|exp)\b.*[<>]|[<>].*(expir\w*|exp)\b|is_expired|has_expired|\.expired", shown
        )
        if checks:
            yield Spot(
                sends[0].node, "two callers may both see that it has expired, and both refresh"
            )
        elif not re.search(r"\[['\"]refresh_token['\"]\]|\.get\(['\"]refresh_token['\"]", shown):
            yield unproven(sends[0].node, "whether the new refresh token is kept cannot be seen")


def _refreshes(call: CallSite) -> bool:
    for given in [*call.node.args, *(one.value for one in call.node.keywords)]:
        if isinstance(given, ast.Dict):
            for key, value in zip(given.keys, given.values, strict=True):
                if constant(key) == "grant_type" and constant(value) == "refresh_token":
                    return True
    return False


@made(
    "HP505",
    "token-not-verified",
    ChecklistItem.SECURITY,
    Severity.HIGH,
    "A token is read without checking who wrote it, or for whom",
    "Verify the signature by one algorithm that you name, and `audience` and `issuer`.",
)
def jwt_unverified(module: CodeModule) -> Iterator[Spot]:
    """PyJWT's `decode` with verification off, with mixed algorithms, or with no audience."""
    for call in module.calls:
        if call.name not in {"jwt.decode", "jose.jwt.decode"}:
            continue
        options = call.keyword("options")
        if constant(call.keyword("verify")) is False or _off(options):
            yield (Spot if _identifies(call, module) else likely)(
                call.node, "the signature is not checked"
            )
            continue
        algorithms = ast.unparse(call.keyword("algorithms") or ast.Constant(""))
        if "HS" in algorithms and ("RS" in algorithms or "ES" in algorithms):
            yield Spot(call.node, "with HS and RS both allowed, the public key signs")
        elif "none" in algorithms.lower().split("'"):
            yield Spot(call.node, "the algorithm `none` needs no key")
        elif (
            ("RS" in algorithms or "ES" in algorithms)
            and call.keyword("audience") is None
            and not call.spread()
        ):
            if options is None or "verify_aud" not in ast.unparse(options):
                yield likely(
                    call.node, "a token for another application is accepted: no `audience`"
                )


def _identifies(call: CallSite, module: CodeModule) -> bool:
    """Whether somebody is known by it, and nothing else in the module verifies tokens.

    To look at the issuer or the expiry of a token before it is verified is no mistake.
    """
    shown = ast.unparse(call.function.node)
    others = [
        one
        for one in module.calls
        if one.name == call.name and one is not call and not _off(one.keyword("options"))
    ]
    return (
        not others
        and re.search(r"['\"](sub|email|user_id|uid|username|preferred_username)['\"]", shown)
        is not None
    )


def _off(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Dict) and any(
        constant(key) == "verify_signature" and constant(value) is False
        for key, value in zip(node.keys, node.values, strict=True)
    )


@made(
    "HP507",
    "redirect-uri-by-host",
    ChecklistItem.SECURITY,
    Severity.HIGH,
    "Where a code is sent is what the Host header says",
    "Take the public address from the configuration.",
)
def by_host(module: CodeModule) -> Iterator[Spot]:
    """`redirect_uri` made from the request's own address."""
    for call in module.calls:
        pairs = [(one.arg, one.value) for one in call.node.keywords]
        for given in [*call.node.args, *(one.value for one in call.node.keywords)]:
            if isinstance(given, ast.Dict):
                pairs += [
                    (str(constant(key)), value)
                    for key, value in zip(given.keys, given.values, strict=True)
                ]
        for name, value in pairs:
            if name == "redirect_uri" and _from_host(value, call):
                yield Spot(value, "whoever sets the Host header receives the code")
                break


def _from_host(value: ast.expr, call: CallSite) -> bool:
    return any(_HOST.search(ast.unparse(one)) for one in values_of(value, call.function))


RULES: Final = (no_state, no_pkce, no_lock, jwt_unverified, by_host)
