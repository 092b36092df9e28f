"""Object storage: one way to keep and fetch files by their keys, wherever they are kept."""

from hardpoint.storage.api import ObjectStore
from hardpoint.storage.driver import StorageCapability, StorageDriver
from hardpoint.storage.memory import MemoryStorage
from hardpoint.storage.types import (
    BYTES,
    NewObject,
    ObjectInfo,
    ObjectPage,
    Piece,
    PostPolicy,
    Prefix,
    SignedPost,
    StoredObject,
)

__all__ = [
    "BYTES",
    "MemoryStorage",
    "NewObject",
    "ObjectInfo",
    "ObjectPage",
    "ObjectStore",
    "Piece",
    "PostPolicy",
    "Prefix",
    "SignedPost",
    "StorageCapability",
    "StorageDriver",
    "StoredObject",
]
