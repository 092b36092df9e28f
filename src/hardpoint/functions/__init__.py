"""Functions: one way to have code run at a provider, and to have what it returns."""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.functions.api import FunctionInvoker as FunctionInvoker
    from hardpoint.functions.driver import FunctionCapability as FunctionCapability
    from hardpoint.functions.driver import FunctionDriver as FunctionDriver
    from hardpoint.functions.memory import MemoryFunction as MemoryFunction
    from hardpoint.functions.types import FunctionResult as FunctionResult
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.functions.api": ("FunctionInvoker",),
            "hardpoint.functions.driver": ("FunctionCapability", "FunctionDriver"),
            "hardpoint.functions.memory": ("MemoryFunction",),
            "hardpoint.functions.types": ("FunctionResult",),
        },
    )
