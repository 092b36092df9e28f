"""Moving a store from SQLite to PostgreSQL, with all that it holds."""

from hardpoint.store.copying.copy import CopyReport, StoreCount, copy_store
from hardpoint.store.copying.target import CopyRefusedError

__all__ = ["CopyRefusedError", "CopyReport", "StoreCount", "copy_store"]
