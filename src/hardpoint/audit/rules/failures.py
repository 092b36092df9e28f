"""Rules about what is done when a vendor fails: limits, retries on retries, payments, breakers."""

import ast
from collections.abc import Iterator
from typing import Final

from hardpoint.audit.findings import ChecklistItem, Severity, Spot, likely, proven
from hardpoint.audit.knowledge import knowledge
from hardpoint.audit.names import dotted
from hardpoint.audit.program import CallSite, CodeModule
from hardpoint.audit.rules.making import (
    catches_all,
    constant,
    made,
    reraises,
)
from hardpoint.audit.rules.retries import retried


@made(
    "HP206",
    "retry-after-ignored",
    ChecklistItem.RATE_LIMITS,
    Severity.MEDIUM,
    "The vendor says when to come back, and is not listened to",
    "After a 429 wait as long as `Retry-After` says, in seconds or as a date, within a bound.",
)
def retry_after(module: CodeModule) -> Iterator[Spot]:
    """A branch on 429 that sleeps a constant."""
    for function in module.functions:
        for branch in function.branches:
            if not any(constant(one) == 429 for one in ast.walk(branch.test)):
                continue
            shown = " ".join(ast.unparse(one) for one in branch.body).lower()
            if "sleep(" not in shown:
                continue
            if ("retry" in shown and "after" in shown) or "reset" in shown:
                yield proven(branch, "Retry-After is read")
            elif "retry-after" in ast.unparse(function.node).lower():
                yield likely(branch, "sleeps a time of its own after 429")
            else:
                yield Spot(branch, "sleeps a time of its own after 429; Retry-After is not read")


@made(
    "HP207",
    "stacked-retries",
    ChecklistItem.RETRIES,
    Severity.MEDIUM,
    "The SDK retries inside what is retried",
    "Let one of them retry: `max_retries=0` for the SDK's client, or no retry around it.",
)
def stacked(module: CodeModule) -> Iterator[Spot]:
    """A client that is made with retries of its own, called in a retried stretch."""
    made_with: dict[str, CallSite] = {}
    for call in module.calls:
        sdk = knowledge().sdk(call)
        if call.last in (sdk.clients if sdk else ()):
            made_with[call.name] = call
    for one in retried(module):
        for call in one.calls(module):
            client = next((name for name in made_with if call.name.startswith(f"{name}.")), None)
            if client is None:
                continue
            if one.loop is not None and not any(each.last == "sleep" for each in one.calls(module)):
                continue
            given = constant(made_with[client].keyword("max_retries"))
            if given == 0 or ".with_options" in call.name:
                yield proven(call.node, "the SDK's own retries are off")
            else:
                yield Spot(
                    one.node,
                    f"`{client}` retries by itself, {'as told' if given is not ... else 'twice'}",
                )
            break


@made(
    "HP208",
    "broad-except-around-payment",
    ChecklistItem.RESILIENCE,
    Severity.HIGH,
    "Whatever becomes of a payment is passed over",
    "Catch the vendor's errors one by one: a decline, a refusal and an unknown outcome differ.",
)
def broad_except(module: CodeModule) -> Iterator[Spot]:
    """`except Exception` around a call that moves money, without raising again."""
    for call in module.calls:
        if not knowledge().pays(call) or not call.tries:
            continue
        handlers = call.tries[-1].handlers
        for handler in handlers:
            if catches_all(handler) and not reraises(handler):
                specific = len(handlers) > 1
                found = likely if specific else Spot
                yield found(handler, "a decline, an outage and a bug are treated alike")


@made(
    "HP209",
    "breaker-per-call",
    ChecklistItem.RESILIENCE,
    Severity.MEDIUM,
    "A circuit breaker that forgets after each call",
    "Make one breaker for each vendor and operation, when the application starts.",
)
def breaker_per_call(module: CodeModule) -> Iterator[Spot]:
    """A breaker made within a function that also uses it."""
    for call in module.calls:
        if call.name not in knowledge().words["breakers"]:
            continue
        if isinstance(call.function.node, ast.Module):
            yield proven(call.node, "one breaker for all calls")
            continue
        bound = [name for name, values in call.function.assigns.items() if call.node in values]
        if not any(name.startswith("self.") for name in bound) and not any(
            isinstance(one.value, ast.AST) and one.value is call.node
            for one in call.function.returns
        ):
            if (
                bound
                and any(
                    (dotted(one.node.func) or "").startswith(f"{bound[0]}.")
                    for one in call.function.calls
                )
            ) or isinstance(call.parent, ast.Attribute):
                yield Spot(call.node, "the breaker is made anew by each call, so it never opens")


RULES: Final = (retry_after, stacked, broad_except, breaker_per_call)
