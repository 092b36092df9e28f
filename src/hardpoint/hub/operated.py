"""What a hub offers to operators: its health and its metrics, also where it is mounted."""

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.forks import MadeOnce

if TYPE_CHECKING:
    from hardpoint.hub.asgi import AsgiApp
    from hardpoint.hub.hub import Hub
    from hardpoint.hub.observing import Observation
    from hardpoint.telemetry.health import HealthReport


class Operated:
    """The methods of a hub that show how it is; nothing is recorded before one is used."""

    _observation: "MadeOnce[Observation]"

    @property
    def observation(self) -> "Observation":
        """What is recorded of this hub, from the first time that somebody asks for it."""
        return self._observation.get()

    async def health(self) -> "HealthReport":
        """How every connection and every source is: of all processes of this machine."""
        return await self.observation.report()

    def health_asgi(self) -> "AsgiApp":
        """The same as an ASGI application of one page; it answers 503 where something is down.

        Mount it where your monitoring reaches it and nobody else does.
        """
        from hardpoint.hub.observing import answer

        return partial(answer, self.observation.health_page)

    def metrics(self) -> "AsgiApp":
        """What Prometheus scrapes, as an ASGI application: `app.mount("/metrics", hub.metrics())`.

        Whichever worker is asked answers for all processes of this machine that share the store;
        each counts for itself, under a label `process` of its own. Mount it where nobody else
        reaches it.

        Raises:
            ConfigurationError: the extra `prometheus` is not installed.
        """
        from hardpoint.hub.observing import answer

        self.observation.count()
        return partial(answer, self.observation.metrics_page)

    def dashboard(
        self, *, authorize: Callable[[Any], Any] | None = None, hosts: Sequence[str] = ()
    ) -> "AsgiApp":
        """The dashboard as an ASGI application: `app.mount("/ops", hub.dashboard())`.

        Args:
            authorize: says who sends a request, of Starlette's type: gives a `DashboardUser`, or
                None for nobody who may; plain or `async`. Without it people sign in with the tokens
                under `[dashboard]`.
            hosts: names under which browsers reach it, beside those of this machine, that of
                `public_url` and `dashboard.hosts`.

        Raises:
            ConfigurationError: nobody could sign in, or the extra `serve` is not installed.
        """
        # It stands above the hub: who never asks for it never loads it.
        try:
            app: Any = import_module("hardpoint.dashboard.app")
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "dashboard", f"it needs {error.name}", fix="pip install 'hardpoint[serve]'"
            ) from None
        return app.dashboard_app(self, authorize=authorize, hosts=hosts)


def observed(hub: "Hub") -> "Observation":
    """Begin to record what a hub tells."""
    from hardpoint.hub.observing import Observation

    return Observation(hub)
