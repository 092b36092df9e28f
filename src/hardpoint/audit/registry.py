"""All rules, in the order of their numbers."""

from collections.abc import Iterable
from typing import Final

from hardpoint.audit.findings import Rule
from hardpoint.audit.rules import (
    failures,
    money,
    outgoing,
    receiving,
    retries,
    secrets,
    signatures,
    signin,
    testing,
)

RULES: Final[tuple[Rule, ...]] = tuple(
    sorted(
        (
            *failures.RULES,
            *receiving.RULES,
            *signatures.RULES,
            *money.RULES,
            *outgoing.RULES,
            *retries.RULES,
            *secrets.RULES,
            *signin.RULES,
            *testing.RULES,
        ),
        key=lambda rule: rule.id,
    )
)
BY_NAME: Final = {name: rule for rule in RULES for name in (rule.id, rule.name)}


def chosen(select: Iterable[str] = (), ignore: Iterable[str] = ()) -> tuple[Rule, ...]:
    """The rules that are named, by id, beginning of an id, or name; all without a name.

    Raises:
        KeyError: no rule is named so.
    """
    wanted = _named(select) if (select := list(select)) else set(RULES)
    return tuple(one for one in RULES if one in wanted and one not in _named(ignore))


def _named(names: Iterable[str]) -> set[Rule]:
    found: set[Rule] = set()
    for name in names:
        own = {one for one in RULES if one.name == name or one.id.startswith(name.upper())}
        if not own or not name:
            raise KeyError(name)
        found |= own
    return found
