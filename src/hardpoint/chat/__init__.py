"""Chat messages: one way to post them, and one small markup, whoever shows them."""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.chat.api import ChatNotifier as ChatNotifier
    from hardpoint.chat.driver import ChatCapability as ChatCapability
    from hardpoint.chat.driver import ChatDriver as ChatDriver
    from hardpoint.chat.markup import Bullets as Bullets
    from hardpoint.chat.markup import ChatText as ChatText
    from hardpoint.chat.markup import ChatWriting as ChatWriting
    from hardpoint.chat.markup import Hyperlink as Hyperlink
    from hardpoint.chat.markup import Inline as Inline
    from hardpoint.chat.markup import LineWriting as LineWriting
    from hardpoint.chat.markup import Mention as Mention
    from hardpoint.chat.markup import Quote as Quote
    from hardpoint.chat.markup import Span as Span
    from hardpoint.chat.markup import bold as bold
    from hardpoint.chat.markup import bullets as bullets
    from hardpoint.chat.markup import code as code
    from hardpoint.chat.markup import inner as inner
    from hardpoint.chat.markup import italic as italic
    from hardpoint.chat.markup import link as link
    from hardpoint.chat.markup import mention as mention
    from hardpoint.chat.markup import plain as plain
    from hardpoint.chat.markup import quote as quote
    from hardpoint.chat.memory import MemoryChat as MemoryChat
    from hardpoint.chat.memory import MemoryMessage as MemoryMessage
    from hardpoint.chat.types import NewFile as NewFile
    from hardpoint.chat.types import NewPost as NewPost
    from hardpoint.chat.types import NewText as NewText
    from hardpoint.chat.types import Post as Post
    from hardpoint.chat.types import PostPage as PostPage
    from hardpoint.chat.types import Reaction as Reaction
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.chat.api": ("ChatNotifier",),
            "hardpoint.chat.driver": ("ChatCapability", "ChatDriver"),
            "hardpoint.chat.markup": (
                "Bullets",
                "ChatText",
                "ChatWriting",
                "Hyperlink",
                "Inline",
                "LineWriting",
                "Mention",
                "Quote",
                "Span",
                "bold",
                "bullets",
                "code",
                "inner",
                "italic",
                "link",
                "mention",
                "plain",
                "quote",
            ),
            "hardpoint.chat.memory": ("MemoryChat", "MemoryMessage"),
            "hardpoint.chat.types": (
                "NewFile",
                "NewPost",
                "NewText",
                "Post",
                "PostPage",
                "Reaction",
            ),
        },
    )
