"""The nine cases as a Markdown page."""

from bench.vault.cases import CASES

PAGE = """\
# Nine ways to lose a grant

A provider that rotates strictly takes each refresh token once; a second use of the same one ends
the grant, access tokens included, and the user has to connect again. Each row is an ordinary
moment. Both live through it against the same fake provider (`bench/vault`), Authlib's clients as
its documentation sets them up. *yes*: afterwards the application holds a token that works; **no**:
it does not.

Authlib does not claim to be a vault: it refreshes for one client object and hands new tokens to a
callback. The table says what has to be added around it.

Written by `python -m bench.vault --write docs/reference/refresh.md`.

"""


def page(results):
    """`results`: name to the verdict of each case."""
    lines = [f"| | | {' | '.join(results)} |", f"|---|---|{':---:|' * len(results)}"]
    for case, title in CASES.items():
        marks = [("yes" if found[case].right else "**no**") for found in results.values()]
        lines.append(f"| {case.upper()} | {title} | {' | '.join(marks)} |")
    lines += ["", "## What was seen", "", f"| | {' | '.join(results)} |"]
    lines.append(f"|---|{'---|' * len(results)}")
    for case in CASES:
        seen = [found[case].seen for found in results.values()]
        lines.append(f"| {case.upper()} | {' | '.join(seen)} |")
    lines += [
        "",
        "In row E nobody can have the new tokens: they were in the answer that is lost. The vault",
        "never sends the old refresh token again, serves the access token to its end, tells its",
        "listeners `in_doubt`, and then asks for the user. A second use would have ended what",
        "lived.",
    ]
    return PAGE + "\n".join(lines) + "\n"
