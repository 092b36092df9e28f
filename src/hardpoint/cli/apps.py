"""Finding the hub that an APP names: `shop:hub` is `hub` in `shop.py`, or in a package."""

import sys
import traceback
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from hardpoint.cli.failures import CommandError, Exit, usage
from hardpoint.core.errors import HardpointError
from hardpoint.hub.hub import Hub


def hub_of(app: str) -> Hub:
    """Import the module, from the working directory first, and take the hub out of it.

    Raises:
        CommandError: there is no such module or hub, or the module fails on import.
        HardpointError: what the application's own set-up ran into.
    """
    module, _, name = app.partition(":")
    if not (module and name):
        raise usage(f"{app} is not MODULE:HUB", hint="name a hub of a module, such as shop:hub")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    hub: Any = getattr(_imported(module), name, None)
    if isinstance(hub, Hub):
        return hub
    found = "there is none" if hub is None else f"it is a {type(hub).__name__}"
    raise usage(f"{app} is not a Hub: {found}", hint=f"write {name} = Hub.load() in {module}")


def _imported(module: str) -> ModuleType:
    try:
        return import_module(module)
    except HardpointError:
        raise
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
            raise usage(f"there is no module {module} here", hint="hardpoint init") from error
        where = traceback.extract_tb(error.__traceback__)[-1]
        raise CommandError(
            f"{module} cannot be imported: {type(error).__name__}: {error}"
            f" ({where.filename}:{where.lineno})",
            exit_code=Exit.CONFIGURATION,
            code="app",
            hint="repeat it with HARDPOINT_DEBUG=1 in the environment for the traceback",
        ) from error
