"""The verbs of `hardpoint events` and `hardpoint dlq`: retry, replay, and closing without a run.

Both take the same options, over events or over dead letters.
"""

from typing import Annotated, final

import typer

from hardpoint.cli.changes import ChangeOption, carry_out
from hardpoint.cli.failures import usage
from hardpoint.cli.options import (
    CONFIG,
    BeforeFilter,
    Config,
    DryRunOption,
    ForceOption,
    HandlerOption,
    Identifiers,
    Json,
    ManyOption,
    PlanOption,
    SinceFilter,
    SourceFilter,
    StateFilter,
    TypeFilter,
    terminal_of,
)
from hardpoint.cli.selection import EventSearch, noted
from hardpoint.store.views import State


@final
class Verbs:
    """Commands that change what is named or found; whose they are gives them their help.

    Args:
        letters: dead letters are changed, not events.
    """

    def __init__(self, *, letters: bool) -> None:
        self._letters = letters

    def retry(
        self,
        context: typer.Context,
        identifiers: Identifiers = None,
        *,
        config: Config = CONFIG,
        handler: HandlerOption = None,
        source: SourceFilter = None,
        event_type: TypeFilter = None,
        state: StateFilter = None,
        since: SinceFilter = None,
        before: BeforeFilter = None,
        limit: ManyOption = None,
        dry_run: DryRunOption = False,
        json: Json = False,
    ) -> int:
        """Run again what waits or was given up."""
        change = ChangeOption(
            action="retry", handler=handler, letters=self._letters, dry_run=dry_run
        )
        search = EventSearch(
            source=source,
            event_type=event_type,
            state=state,
            since=since,
            before=before,
            limit=limit,
        )
        terminal = terminal_of(context, json=json)
        return carry_out(terminal, config, identifiers, self._checked(search), change)

    def replay(
        self,
        context: typer.Context,
        identifiers: Identifiers = None,
        *,
        config: Config = CONFIG,
        handler: HandlerOption = None,
        force: ForceOption = False,
        plan: PlanOption = "",
        source: SourceFilter = None,
        event_type: TypeFilter = None,
        state: StateFilter = None,
        since: SinceFilter = None,
        before: BeforeFilter = None,
        limit: ManyOption = None,
        dry_run: DryRunOption = False,
        json: Json = False,
    ) -> int:
        """Handle again, as if it had just come."""
        change = ChangeOption(
            action="replay",
            handler=handler,
            force=force,
            plan=plan,
            letters=self._letters,
            dry_run=dry_run,
        )
        search = EventSearch(
            source=source,
            event_type=event_type,
            state=state,
            since=since,
            before=before,
            limit=limit,
        )
        terminal = terminal_of(context, json=json)
        return carry_out(terminal, config, identifiers, self._checked(search), change)

    def resolve(
        self,
        context: typer.Context,
        identifiers: Identifiers = None,
        *,
        note: Annotated[str, typer.Option(help="What you found or did, for the record.")],
        config: Config = CONFIG,
        handler: HandlerOption = None,
        source: SourceFilter = None,
        event_type: TypeFilter = None,
        state: StateFilter = None,
        since: SinceFilter = None,
        before: BeforeFilter = None,
        limit: ManyOption = None,
        dry_run: DryRunOption = False,
        json: Json = False,
    ) -> int:
        """Close it without running it."""
        change = ChangeOption(
            action="resolve",
            handler=handler,
            note=noted(note),
            letters=self._letters,
            dry_run=dry_run,
        )
        search = EventSearch(
            source=source,
            event_type=event_type,
            state=state,
            since=since,
            before=before,
            limit=limit,
        )
        terminal = terminal_of(context, json=json)
        return carry_out(terminal, config, identifiers, self._checked(search), change)

    def _checked(self, search: EventSearch) -> EventSearch:
        if self._letters and search.state not in {None, State.DEAD, State.NEEDS_RECONCILE}:
            raise usage(
                "dead letters are dead, or needs_reconcile", hint="see hardpoint events --help"
            )
        return search
