"""Rules about what is tried again: with which key, how often, when, and after what."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hardpoint.audit.findings import ChecklistItem, Severity, Spot, proven, unproven
from hardpoint.audit.flow import MadeOf, ValueFlow
from hardpoint.audit.knowledge import knowledge
from hardpoint.audit.names import dotted
from hardpoint.audit.program import CallSite, CodeFunction, CodeModule, Loop
from hardpoint.audit.rules.making import (
    catches_all,
    constant,
    leaves,
    made,
    reraises,
    values_of,
)

_KEYED: Final = re.compile(r"idempot|request-?id|dedup", re.IGNORECASE)


_JITTER: Final = re.compile(r"random|jitter|uniform|randint", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Retried:
    """A stretch of code that is run again after a failure."""

    node: ast.AST
    function: CodeFunction
    kind: str
    loop: Loop | None = None

    def calls(self, module: CodeModule) -> Iterator[CallSite]:
        """The calls that are repeated; those of functions of this module that it calls, too."""
        for call in self.function.inner_calls():
            if self.loop is not None and self.loop not in call.loops:
                continue
            yield call
            own = module.called(call)
            if own is not None and own is not self.function:
                yield from own.calls


def retried(module: CodeModule) -> Iterator[Retried]:
    """All that is tried again, by a decorator or by a loop."""
    known = knowledge().retriers
    for function in module.functions:
        for name, node in module.decorator_names(function):
            kind = known.get(name) or ("celery" if name.endswith(".task") else None)
            if kind is None or (kind == "celery" and not _celery_retries(node, function)):
                continue
            yield Retried(node, function, kind)
        for loop in function.loops:
            if is_retry_loop(loop):
                yield Retried(loop, function, "loop", loop)


def _celery_retries(node: ast.expr, function: CodeFunction) -> bool:
    given = {one.arg for one in node.keywords} if isinstance(node, ast.Call) else set[str]()
    return "autoretry_for" in given or any(
        one.name.endswith("self.retry") for one in function.calls
    )


def is_retry_loop(loop: Loop) -> bool:
    """A loop that goes round again because something failed, and leaves when it went well."""
    if isinstance(loop, ast.While):
        endless = constant(loop.test) or isinstance(loop.test, ast.Compare)
        if not endless:
            return False
    elif not (isinstance(loop.iter, ast.Call) and dotted(loop.iter.func) == "range"):
        return False
    for one in loop.body:
        if isinstance(one, ast.Try):
            goes_on = any(not leaves(handler.body) for handler in one.handlers)
            done = leaves([*one.body, *one.orelse]) or _leaves_somewhere([*one.body, *one.orelse])
            after = leaves(loop.body[loop.body.index(one) + 1 :])
            if goes_on and (done or after):
                return True
    return False


def _leaves_somewhere(body: list[ast.stmt]) -> bool:
    return any(isinstance(one, ast.Return | ast.Break) for part in body for one in ast.walk(part))


def key_of(call: CallSite) -> tuple[bool | None, list[ast.AST]]:
    """Whether a call has an idempotency key (None: it cannot be seen), and what the key is."""
    sdk = knowledge().sdk(call)
    if sdk is not None:
        for name in sdk.key:
            value = call.keyword(name)
            if value is not None:
                return True, values_of(value, call.function)
        positional = [one for one in call.node.args if _KEYED.search(ast.unparse(one))]
        if positional:
            return True, [*positional]
        shown = " ".join(ast.unparse(one) for one in call.node.args)
        if call.spread() or (
            any(_of_unknown(one, call.function) for one in call.node.args) and shown
        ):
            return None, []
        return False, []
    for given in call.node.keywords:
        if given.arg in {"headers", "json", "data", "params"}:
            for value in values_of(given.value, call.function):
                found = _keyed(value)
                if found is not None:
                    return True, [found]
                if given.arg == "headers" and not isinstance(value, ast.Dict | ast.Constant):
                    return None, []
    return (None, []) if call.spread() else (False, [])


def _of_unknown(node: ast.expr, function: CodeFunction) -> bool:
    return any(isinstance(one, ast.Name | ast.Call) for one in values_of(node, function))


def _keyed(node: ast.AST) -> ast.AST | None:
    """The value under a key of a dict that names an idempotency key."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and _KEYED.search(str(key.value)):
                return value
    return None


@made(
    "HP201",
    "mutation-retried-without-key",
    ChecklistItem.IDEMPOTENCY,
    Severity.HIGH,
    "A call that acts is repeated without an idempotency key",
    "Make the key from the business id, outside of what is retried, and send it with each attempt.",
)
def keyless_mutation(module: CodeModule) -> Iterator[Spot]:
    """Charges, posts and sends in a retried stretch without a key."""
    told: set[ast.AST] = set()
    for one in retried(module):
        for call in one.calls(module):
            if call.node in told or not knowledge().mutates(call):
                continue
            told.add(call.node)
            keyed, _ = key_of(call)
            if keyed is None:
                yield unproven(call.node, f"`{call.last}` is retried; no key can be seen here")
            elif keyed:
                yield proven(call.node, "retried under an idempotency key")
            else:
                yield Spot(call.node, f"`{call.last}` acts, and is retried without a key")
    for call in module.calls:
        if call.name.endswith("Retry") and call.root in {"urllib3", "requests"}:
            allowed = call.keyword("allowed_methods", "method_whitelist")
            if constant(allowed) in {None, False} or _names_post(allowed):
                yield Spot(call.node, "the adapter repeats POST, whatever it does")


def _names_post(node: ast.expr | None) -> bool:
    return node is not None and any(
        isinstance(one, ast.Constant) and one.value in {"POST", "PATCH"} for one in ast.walk(node)
    )


@made(
    "HP202",
    "key-made-inside-retry",
    ChecklistItem.IDEMPOTENCY,
    Severity.HIGH,
    "Each attempt makes an idempotency key of its own",
    "Make the key once, outside of what is retried; best from the order's own id.",
)
def key_in_retry(module: CodeModule) -> Iterator[Spot]:
    """A fresh key within the function or the loop that is retried."""
    for one in retried(module):
        for call in one.calls(module):
            if not knowledge().mutates(call):
                continue
            for value in key_of(call)[1]:
                fresh = MadeOf.FRESH in ValueFlow(module, call.function).tags(value)
                if fresh and _made_within(value, one, call):
                    yield Spot(call.node, "the key is made anew by each attempt")


def _made_within(value: ast.AST, one: Retried, call: CallSite) -> bool:
    """In a loop, only what is made in its body; in a function, all that is made in it."""
    if one.loop is None:
        names = {each.id for each in ast.walk(value) if isinstance(each, ast.Name)}
        taken = {each.arg for each in one.function.parameters}
        return not (
            names & taken and not any(isinstance(each, ast.Call) for each in ast.walk(value))
        )
    within = {each for part in one.loop.body for each in ast.walk(part)}
    makers = [each for each in call.function.calls if each.node in within]
    names = {"uuid4", "uuid1", "token_hex", "token_urlsafe", "time", "time_ns", "now", "utcnow"}
    return any(each.last in names for each in makers)


@made(
    "HP203",
    "retries-everything",
    ChecklistItem.RETRIES,
    Severity.MEDIUM,
    "Refusals are retried like outages",
    "Retry on connection errors, timeouts, 429 and 5xx alone; a 4xx stays what it is.",
)
def retries_everything(module: CodeModule) -> Iterator[Spot]:
    """A retrier without a condition, or on Exception, around a call over the network."""
    for one in retried(module):
        if not any(knowledge().sends(call) for call in one.calls(module)):
            continue
        if one.kind == "loop":
            for each in one.function.tries:
                if one.loop is not None and each in one.loop.body:
                    wide = [h for h in each.handlers if catches_all(h) and not leaves(h.body)]
                    if wide and not any(reraises(h) for h in wide) and len(each.handlers) == 1:
                        yield Spot(wide[0], "whatever goes wrong is tried again, refusals too")
        elif _unconditional(one.node):
            yield Spot(one.node, "whatever is raised is tried again, refusals too")
        else:
            yield proven(one.node, "what is retried is chosen")


def _unconditional(node: ast.expr | ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return True
    given = {one.arg: one.value for one in node.keywords}
    if None in given:
        return False
    chosen = [
        given[name] for name in ("retry", "on", "autoretry_for", "exceptions") if name in given
    ]
    for name in ("retry_on_exception", "retry_on_result", "giveup"):
        if name in given:
            return False
    if not chosen and node.args:
        chosen = [node.args[0]] if not isinstance(node.args[0], ast.Attribute) else node.args[1:2]
        chosen = chosen or [node.args[0]]
    if not chosen:
        return "autoretry_for" not in given and not _is_celery(node)
    return any(
        isinstance(one, ast.Name) and one.id in {"Exception", "BaseException"}
        for each in chosen
        for one in ast.walk(each)
    )


def _is_celery(node: ast.Call) -> bool:
    return (dotted(node.func) or "").rpartition(".")[2] in {"shared_task", "task"}


@made(
    "HP204",
    "unbounded-retry",
    ChecklistItem.RETRIES,
    Severity.MEDIUM,
    "It is retried without an end",
    "Give it a number of attempts and a deadline; after that the last error is the answer.",
)
def unbounded(module: CodeModule) -> Iterator[Spot]:
    """`while True` with a try around a call, and tenacity without `stop`."""
    for one in retried(module):
        if not any(knowledge().sends(call) for call in one.calls(module)):
            continue
        if one.kind == "tenacity":
            bounded = isinstance(one.node, ast.Call) and (
                any(each.arg in {"stop", None} for each in one.node.keywords) or one.node.args
            )
            yield _bounded(one.node, bounded=bool(bounded))
        elif one.kind == "backoff" and isinstance(one.node, ast.Call):
            names = {each.arg for each in one.node.keywords}
            yield _bounded(one.node, bounded=bool(names & {"max_tries", "max_time", None}))
        elif one.kind == "retrying":
            names = {each.arg or "" for each in getattr(one.node, "keywords", [])}
            yield _bounded(one.node, bounded=any(each.startswith("stop") for each in names))
        elif isinstance(one.loop, ast.While):
            if constant(one.loop.test) and not _counts(one.loop):
                yield Spot(one.loop, "it goes round until it works, however long that takes")


def _counts(loop: ast.While) -> bool:
    """Whether something in the body may end it after a while."""
    for part in loop.body:
        for one in ast.walk(part):
            if isinstance(one, ast.If) and leaves(one.body) and isinstance(one.test, ast.Compare):
                if any(isinstance(op, ast.Gt | ast.GtE | ast.Lt | ast.LtE) for op in one.test.ops):
                    return True
    return False


def _bounded(node: ast.AST, *, bounded: bool) -> Spot:
    return (
        proven(node, "the number of attempts has an end")
        if bounded
        else Spot(node, "the number of attempts has no end")
    )


@made(
    "HP205",
    "backoff-without-jitter",
    ChecklistItem.RETRIES,
    Severity.LOW,
    "All clients come back at the same moment",
    "Add randomness to the wait: `random.uniform(0, base * 2 ** attempt)`.",
)
def no_jitter(module: CodeModule) -> Iterator[Spot]:
    """A wait that grows or stays by arithmetic alone."""
    for one in retried(module):
        calls = list(one.calls(module))
        if not any(knowledge().sends(call) for call in calls):
            continue
        if one.kind == "tenacity" and isinstance(one.node, ast.Call):
            wait = next((each.value for each in one.node.keywords if each.arg == "wait"), None)
            if wait is not None and not _JITTER.search(ast.unparse(wait)):
                yield Spot(wait, "the wait has no jitter")
        elif one.kind == "loop":
            for call in calls:
                if call.name in {"time.sleep", "asyncio.sleep"} and call.node.args:
                    if call.function is not one.function or not _waits_after_failure(call):
                        continue
                    if not _random(call):
                        yield Spot(call.node, "the wait has no jitter")


_ARITHMETIC: Final = frozenset({"min", "max", "int", "float", "pow", "math.pow", "range", "len"})


def _waits_after_failure(call: CallSite) -> bool:
    """Not the pause of a loop that polls."""
    if call.handler is not None:
        return True
    return any(isinstance(one, ast.Pow | ast.Mult) for one in ast.walk(call.node.args[0]))


def _random(call: CallSite) -> bool:
    seen = [call.node.args[0], *values_of(call.node.args[0], call.function)]
    shown = " ".join(ast.unparse(one) for one in seen)
    if _JITTER.search(shown) or re.search(r"retry.?after|wait_for|backoff\(", shown, re.IGNORECASE):
        return True
    names = [one.id for each in seen for one in ast.walk(each) if isinstance(one, ast.Name)]
    further = [value for name in names for value in call.function.assigns.get(name, [])]
    if any(isinstance(one, ast.Call) and dotted(one.func) not in _ARITHMETIC for one in further):
        return True  # what another function says cannot be seen
    return any(_JITTER.search(ast.unparse(one)) for one in further)


RULES: Final = (keyless_mutation, key_in_retry, retries_everything, unbounded, no_jitter)
