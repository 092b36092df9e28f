"""Object storage: one way to keep and fetch files by their keys, wherever they are kept."""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.storage.api import ObjectStore as ObjectStore
    from hardpoint.storage.driver import StorageCapability as StorageCapability
    from hardpoint.storage.driver import StorageDriver as StorageDriver
    from hardpoint.storage.driver import Take as Take
    from hardpoint.storage.memory import MemoryStorage as MemoryStorage
    from hardpoint.storage.types import BYTES as BYTES
    from hardpoint.storage.types import NewObject as NewObject
    from hardpoint.storage.types import ObjectInfo as ObjectInfo
    from hardpoint.storage.types import ObjectPage as ObjectPage
    from hardpoint.storage.types import Piece as Piece
    from hardpoint.storage.types import PostPolicy as PostPolicy
    from hardpoint.storage.types import Prefix as Prefix
    from hardpoint.storage.types import SignedPost as SignedPost
    from hardpoint.storage.types import SignedUse as SignedUse
    from hardpoint.storage.types import StoredObject as StoredObject
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.storage.api": ("ObjectStore",),
            "hardpoint.storage.driver": ("StorageCapability", "StorageDriver", "Take"),
            "hardpoint.storage.memory": ("MemoryStorage",),
            "hardpoint.storage.types": (
                "BYTES",
                "NewObject",
                "ObjectInfo",
                "ObjectPage",
                "Piece",
                "PostPolicy",
                "Prefix",
                "SignedPost",
                "SignedUse",
                "StoredObject",
            ),
        },
    )
