"""Object storage: one way to keep and fetch files by their keys, wherever they are kept."""

from hardpoint.storage.api import ObjectStore
from hardpoint.storage.driver import StorageCapability, StorageDriver
from hardpoint.storage.types import ObjectInfo, Prefix, SignedPost, StoredObject

__all__ = [
    "ObjectInfo",
    "ObjectStore",
    "Prefix",
    "SignedPost",
    "StorageCapability",
    "StorageDriver",
    "StoredObject",
]
