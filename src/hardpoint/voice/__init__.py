"""Telephone calls: one way to make them, and to say what happens in them, whoever carries them."""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.voice.api import VoiceCaller as VoiceCaller
    from hardpoint.voice.driver import VoiceCapability as VoiceCapability
    from hardpoint.voice.driver import VoiceDriver as VoiceDriver
    from hardpoint.voice.memory import MemoryVoice as MemoryVoice
    from hardpoint.voice.script import Dial as Dial
    from hardpoint.voice.script import Gather as Gather
    from hardpoint.voice.script import Pause as Pause
    from hardpoint.voice.script import Play as Play
    from hardpoint.voice.script import Record as Record
    from hardpoint.voice.script import Redirect as Redirect
    from hardpoint.voice.script import Say as Say
    from hardpoint.voice.script import Script as Script
    from hardpoint.voice.script import Verb as Verb
    from hardpoint.voice.script import checked_script as checked_script
    from hardpoint.voice.types import CallAsked as CallAsked
    from hardpoint.voice.types import CallChanged as CallChanged
    from hardpoint.voice.types import CallStatus as CallStatus
    from hardpoint.voice.types import NewCall as NewCall
    from hardpoint.voice.types import VoiceCall as VoiceCall
    from hardpoint.voice.types import VoiceEvent as VoiceEvent
    from hardpoint.voice.types import furthest as furthest
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.voice.api": ("VoiceCaller",),
            "hardpoint.voice.driver": ("VoiceCapability", "VoiceDriver"),
            "hardpoint.voice.memory": ("MemoryVoice",),
            "hardpoint.voice.script": (
                "Dial",
                "Gather",
                "Pause",
                "Play",
                "Record",
                "Redirect",
                "Say",
                "Script",
                "Verb",
                "checked_script",
            ),
            "hardpoint.voice.types": (
                "CallAsked",
                "CallChanged",
                "CallStatus",
                "NewCall",
                "VoiceCall",
                "VoiceEvent",
                "furthest",
            ),
        },
    )
