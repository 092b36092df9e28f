"""What an adapter's author imports, each at its first use; see docs/guides/add-a-provider.md."""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.calls.connection import Connection as Connection
    from hardpoint.chat.credentials import chat_credential as chat_credential
    from hardpoint.core.capabilities import Capabilities as Capabilities
    from hardpoint.core.capabilities import Idempotency as Idempotency
    from hardpoint.core.decoding import UNREADABLE as UNREADABLE
    from hardpoint.core.effects import Clock as Clock
    from hardpoint.core.effects import Ids as Ids
    from hardpoint.core.effects import Random as Random
    from hardpoint.core.errors import RefusalConcern as RefusalConcern
    from hardpoint.core.identifiers import Uuid7 as Uuid7
    from hardpoint.core.money import MinorUnits as MinorUnits
    from hardpoint.core.money import Money as Money
    from hardpoint.core.providers import Provider as Provider
    from hardpoint.core.providers import load as load
    from hardpoint.core.providers import provider as provider
    from hardpoint.core.providers import provider_names as provider_names
    from hardpoint.core.secrets import Secret as Secret
    from hardpoint.email.addresses import checked_address as checked_address
    from hardpoint.email.addresses import quoted as quoted
    from hardpoint.email.headers import checked_line as checked_line
    from hardpoint.fakes.answers import Answers as Answers
    from hardpoint.fakes.emitter import AddressSigner as AddressSigner
    from hardpoint.fakes.emitter import Emission as Emission
    from hardpoint.fakes.emitter import Emitter as Emitter
    from hardpoint.fakes.emitter import Signer as Signer
    from hardpoint.fakes.fields import Fields as Fields
    from hardpoint.fakes.fields import JsonFields as JsonFields
    from hardpoint.fakes.fields import nested as nested
    from hardpoint.fakes.fields import without_empty as without_empty
    from hardpoint.fakes.ledger import Ledger as Ledger
    from hardpoint.fakes.ledger import LedgerEntry as LedgerEntry
    from hardpoint.fakes.messages import App as App
    from hardpoint.fakes.messages import FakeReply as FakeReply
    from hardpoint.fakes.messages import Received as Received
    from hardpoint.fakes.server import FakeServer as FakeServer
    from hardpoint.fakes.sigv4 import SIGV4_PARAMETERS as SIGV4_PARAMETERS
    from hardpoint.fakes.sigv4 import SigV4Doorkeeper as SigV4Doorkeeper
    from hardpoint.fakes.vendors import Trigger as Trigger
    from hardpoint.fakes.vendors import VendorFacts as VendorFacts
    from hardpoint.http.arguments import ArgumentPaths as ArgumentPaths
    from hardpoint.http.arguments import without_places as without_places
    from hardpoint.http.asynchronous import AsyncTransport as AsyncTransport
    from hardpoint.http.auth import Authorization as Authorization
    from hardpoint.http.auth import Basic as Basic
    from hardpoint.http.auth import Bearer as Bearer
    from hardpoint.http.auth import HeaderKey as HeaderKey
    from hardpoint.http.auth import SecretAddress as SecretAddress
    from hardpoint.http.auth import basic as basic
    from hardpoint.http.auth import bearer as bearer
    from hardpoint.http.blocking import BlockingTransport as BlockingTransport
    from hardpoint.http.client import USER_AGENT as USER_AGENT
    from hardpoint.http.client import ApiClient as ApiClient
    from hardpoint.http.client import segment as segment
    from hardpoint.http.errors import ErrorTable as ErrorTable
    from hardpoint.http.errors import Known as Known
    from hardpoint.http.errors import Make as Make
    from hardpoint.http.errors import Problem as Problem
    from hardpoint.http.errors import by_status as by_status
    from hardpoint.http.errors import retry_after as retry_after
    from hardpoint.http.errors import table_rows as table_rows
    from hardpoint.http.extras import merged as merged
    from hardpoint.http.extras import text_pairs as text_pairs
    from hardpoint.http.forms import FORM as FORM
    from hardpoint.http.forms import FormPart as FormPart
    from hardpoint.http.forms import encode as encode
    from hardpoint.http.forms import multipart as multipart
    from hardpoint.http.forms import pairs as pairs
    from hardpoint.http.json_api import JsonApi as JsonApi
    from hardpoint.http.json_api import RefusalBody as RefusalBody
    from hardpoint.http.json_api import RequestPace as RequestPace
    from hardpoint.http.limits import Limits as Limits
    from hardpoint.http.limits import checked_base_url as checked_base_url
    from hardpoint.http.limits import checked_url as checked_url
    from hardpoint.http.limits import on_loopback as on_loopback
    from hardpoint.http.messages import BodyStream as BodyStream
    from hardpoint.http.messages import Headers as Headers
    from hardpoint.http.messages import Request as Request
    from hardpoint.http.messages import Response as Response
    from hardpoint.http.messages import StreamedResponse as StreamedResponse
    from hardpoint.http.messages import StreamingTransport as StreamingTransport
    from hardpoint.http.messages import Transport as Transport
    from hardpoint.http.redaction import redacted as redacted
    from hardpoint.http.redaction import redacted_url as redacted_url
    from hardpoint.http.signing.signer import RequestProof as RequestProof
    from hardpoint.http.sigv4 import SIGV4 as SIGV4
    from hardpoint.http.sigv4 import UNSIGNED_PAYLOAD as UNSIGNED_PAYLOAD
    from hardpoint.http.sigv4 import SigV4Signer as SigV4Signer
    from hardpoint.http.wire.trust import Trust as Trust
    from hardpoint.http.wire.trust import context_of as context_of
    from hardpoint.http.xml_api import RequestSigner as RequestSigner
    from hardpoint.http.xml_api import XmlApi as XmlApi
    from hardpoint.http.xml_api import XmlDocument as XmlDocument
    from hardpoint.http.xml_api import XmlUnreadableError as XmlUnreadableError
    from hardpoint.oauth.catalogue import BodyEncoding as BodyEncoding
    from hardpoint.oauth.catalogue import Client as Client
    from hardpoint.oauth.catalogue import ClientAuth as ClientAuth
    from hardpoint.oauth.catalogue import Expiry as Expiry
    from hardpoint.oauth.catalogue import Pkce as Pkce
    from hardpoint.oauth.catalogue import ProviderEntry as ProviderEntry
    from hardpoint.oauth.catalogue import RefreshRotation as RefreshRotation
    from hardpoint.oauth.catalogue import Revocation as Revocation
    from hardpoint.oauth.client_tokens import ClientTokens as ClientTokens
    from hardpoint.oauth.endpoint import TokenEndpoint as TokenEndpoint
    from hardpoint.oauth.identity import Asked as Asked
    from hardpoint.oauth.identity import Identity as Identity
    from hardpoint.oauth.tokens import Tokens as Tokens
    from hardpoint.runtime.asynchronous import AsyncRuntime as AsyncRuntime
    from hardpoint.runtime.blocking import BlockingRuntime as BlockingRuntime
    from hardpoint.runtime.clocks import SystemClock as SystemClock
    from hardpoint.runtime.decoding_types import prepared as prepared
    from hardpoint.runtime.effects import Caller as Caller
    from hardpoint.runtime.effects import Runtime as Runtime
    from hardpoint.storage.keys import checked_content_type as checked_content_type
    from hardpoint.storage.keys import checked_key as checked_key
    from hardpoint.testing.conformance.chat import ChatConformance as ChatConformance
    from hardpoint.testing.conformance.chat_subject import ChatRefusals as ChatRefusals
    from hardpoint.testing.conformance.chat_subject import ChatSeen as ChatSeen
    from hardpoint.testing.conformance.chat_subject import ChatSubject as ChatSubject
    from hardpoint.testing.conformance.email import EmailConformance as EmailConformance
    from hardpoint.testing.conformance.email_subject import EmailRefusals as EmailRefusals
    from hardpoint.testing.conformance.email_subject import EmailSubject as EmailSubject
    from hardpoint.testing.conformance.faults import Adapter as Adapter
    from hardpoint.testing.conformance.faults import FaultConformance as FaultConformance
    from hardpoint.testing.conformance.faults import FaultRow as FaultRow
    from hardpoint.testing.conformance.modes import MODES as MODES
    from hardpoint.testing.conformance.modes import AsyncMode as AsyncMode
    from hardpoint.testing.conformance.modes import BlockingMode as BlockingMode
    from hardpoint.testing.conformance.modes import Mode as Mode
    from hardpoint.testing.conformance.modes import exercises as exercises
    from hardpoint.testing.conformance.payment_subject import PaymentRefusals as PaymentRefusals
    from hardpoint.testing.conformance.payment_subject import PaymentSubject as PaymentSubject
    from hardpoint.testing.conformance.payments import PaymentConformance as PaymentConformance
    from hardpoint.testing.conformance.served import driver_of as driver_of
    from hardpoint.testing.conformance.served import port_on as port_on
    from hardpoint.testing.conformance.sms import SmsConformance as SmsConformance
    from hardpoint.testing.conformance.sms_subject import SmsRefusals as SmsRefusals
    from hardpoint.testing.conformance.sms_subject import SmsSubject as SmsSubject
    from hardpoint.testing.conformance.storage import StorageConformance as StorageConformance
    from hardpoint.testing.conformance.storage_subject import StorageRefusals as StorageRefusals
    from hardpoint.testing.conformance.storage_subject import StorageSubject as StorageSubject
    from hardpoint.testing.conformance.voice import VoiceConformance as VoiceConformance
    from hardpoint.testing.conformance.voice_subject import VoiceRefusals as VoiceRefusals
    from hardpoint.testing.conformance.voice_subject import VoiceSubject as VoiceSubject
    from hardpoint.webhooks.certificates import RSA_US as RSA_US
    from hardpoint.webhooks.certificates import RsaKey as RsaKey
    from hardpoint.webhooks.certificates import believed as believed
    from hardpoint.webhooks.endpoints import EndpointChange as EndpointChange
    from hardpoint.webhooks.endpoints import RegisteredEndpoint as RegisteredEndpoint
    from hardpoint.webhooks.endpoints import WebhookSetup as WebhookSetup
    from hardpoint.webhooks.envelopes import Name as Name
    from hardpoint.webhooks.envelopes import OptionalName as OptionalName
    from hardpoint.webhooks.envelopes import Unreadable as Unreadable
    from hardpoint.webhooks.envelopes import check_name as check_name
    from hardpoint.webhooks.envelopes import check_printable as check_printable
    from hardpoint.webhooks.envelopes import named as named
    from hardpoint.webhooks.envelopes import open_batch as open_batch
    from hardpoint.webhooks.envelopes import open_envelope as open_envelope
    from hardpoint.webhooks.fetched_keys import KeyFetch as KeyFetch
    from hardpoint.webhooks.fetched_keys import KeyNeededError as KeyNeededError
    from hardpoint.webhooks.fetched_keys import KeySource as KeySource
    from hardpoint.webhooks.fetched_keys import KeyUnavailableError as KeyUnavailableError
    from hardpoint.webhooks.fetched_keys import UnknownKeyError as UnknownKeyError
    from hardpoint.webhooks.forms import FORM_BYTES_MAX as FORM_BYTES_MAX
    from hardpoint.webhooks.forms import FORM_FIELDS_MAX as FORM_FIELDS_MAX
    from hardpoint.webhooks.forms import FormField as FormField
    from hardpoint.webhooks.forms import form_fields as form_fields
    from hardpoint.webhooks.forms import form_texts as form_texts
    from hardpoint.webhooks.grammar import Encoding as Encoding
    from hardpoint.webhooks.grammar import Grammar as Grammar
    from hardpoint.webhooks.grammar import OneSignature as OneSignature
    from hardpoint.webhooks.grammar import Pairs as Pairs
    from hardpoint.webhooks.grammar import base64 as base64
    from hardpoint.webhooks.grammar import from_base64 as from_base64
    from hardpoint.webhooks.grammar import in_base64 as in_base64
    from hardpoint.webhooks.grammar import in_base64url as in_base64url
    from hardpoint.webhooks.grammar import in_hex as in_hex
    from hardpoint.webhooks.public_keys import AsymmetricKey as AsymmetricKey
    from hardpoint.webhooks.public_keys import EcdsaKey as EcdsaKey
    from hardpoint.webhooks.public_keys import Ed25519Key as Ed25519Key
    from hardpoint.webhooks.public_keys import PublicKeyScheme as PublicKeyScheme
    from hardpoint.webhooks.samples import Sample as Sample
    from hardpoint.webhooks.samples import Samples as Samples
    from hardpoint.webhooks.samples import SamplesFile as SamplesFile
    from hardpoint.webhooks.schemes import CONTENT_HEADERS as CONTENT_HEADERS
    from hardpoint.webhooks.schemes import BodyScheme as BodyScheme
    from hardpoint.webhooks.schemes import HmacScheme as HmacScheme
    from hardpoint.webhooks.schemes import SignatureScheme as SignatureScheme
    from hardpoint.webhooks.signatures import CANDIDATES_MAX as CANDIDATES_MAX
    from hardpoint.webhooks.signatures import HMAC_US as HMAC_US
    from hardpoint.webhooks.signatures import TOLERANCE as TOLERANCE
    from hardpoint.webhooks.signatures import HmacKey as HmacKey
    from hardpoint.webhooks.signatures import Unfit as Unfit
    from hardpoint.webhooks.signatures import check_age as check_age
    from hardpoint.webhooks.signatures import check_tolerance as check_tolerance
    from hardpoint.webhooks.signatures import matching_key as matching_key
    from hardpoint.webhooks.signatures import prepare as prepare
    from hardpoint.webhooks.signatures import signature_in as signature_in
    from hardpoint.webhooks.signatures import timestamp as timestamp
    from hardpoint.webhooks.verification import BODY_BYTES_MAX as BODY_BYTES_MAX
    from hardpoint.webhooks.verification import Arrival as Arrival
    from hardpoint.webhooks.verification import Coverage as Coverage
    from hardpoint.webhooks.verification import Notification as Notification
    from hardpoint.webhooks.verification import Replay as Replay
    from hardpoint.webhooks.verification import Reply as Reply
    from hardpoint.webhooks.verification import Scheme as Scheme
    from hardpoint.webhooks.verification import SchemeType as SchemeType
    from hardpoint.webhooks.verification import Verified as Verified
    from hardpoint.webhooks.verification import WebhookRequest as WebhookRequest
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.calls.connection": ("Connection",),
            "hardpoint.chat.credentials": ("chat_credential",),
            "hardpoint.core.capabilities": ("Capabilities", "Idempotency"),
            "hardpoint.core.decoding": ("UNREADABLE",),
            "hardpoint.core.effects": ("Clock", "Ids", "Random"),
            "hardpoint.core.errors": ("RefusalConcern",),
            "hardpoint.core.identifiers": ("Uuid7",),
            "hardpoint.core.money": ("MinorUnits", "Money"),
            "hardpoint.core.providers": ("Provider", "load", "provider", "provider_names"),
            "hardpoint.core.secrets": ("Secret",),
            "hardpoint.email.addresses": ("checked_address", "quoted"),
            "hardpoint.email.headers": ("checked_line",),
            "hardpoint.fakes.answers": ("Answers",),
            "hardpoint.fakes.emitter": ("AddressSigner", "Emission", "Emitter", "Signer"),
            "hardpoint.fakes.fields": ("Fields", "JsonFields", "nested", "without_empty"),
            "hardpoint.fakes.ledger": ("Ledger", "LedgerEntry"),
            "hardpoint.fakes.messages": ("App", "FakeReply", "Received"),
            "hardpoint.fakes.server": ("FakeServer",),
            "hardpoint.fakes.sigv4": ("SIGV4_PARAMETERS", "SigV4Doorkeeper"),
            "hardpoint.fakes.vendors": ("Trigger", "VendorFacts"),
            "hardpoint.http.arguments": ("ArgumentPaths", "without_places"),
            "hardpoint.http.asynchronous": ("AsyncTransport",),
            "hardpoint.http.auth": (
                "Authorization Basic Bearer HeaderKey SecretAddress basic bearer"
            ),
            "hardpoint.http.blocking": ("BlockingTransport",),
            "hardpoint.http.client": ("ApiClient", "USER_AGENT", "segment"),
            "hardpoint.http.errors": (
                "ErrorTable Known Make Problem by_status retry_after table_rows"
            ),
            "hardpoint.http.extras": ("merged", "text_pairs"),
            "hardpoint.http.forms": ("FORM", "FormPart", "encode", "multipart", "pairs"),
            "hardpoint.http.json_api": ("JsonApi", "RefusalBody", "RequestPace"),
            "hardpoint.http.limits": ("Limits", "checked_base_url", "checked_url", "on_loopback"),
            "hardpoint.http.messages": (
                "BodyStream Headers Request Response StreamedResponse StreamingTransport Transport"
            ),
            "hardpoint.http.redaction": ("redacted", "redacted_url"),
            "hardpoint.http.signing.signer": ("RequestProof",),
            "hardpoint.http.sigv4": ("SIGV4", "SigV4Signer", "UNSIGNED_PAYLOAD"),
            "hardpoint.http.wire.trust": ("Trust", "context_of"),
            "hardpoint.http.xml_api": "RequestSigner XmlApi XmlDocument XmlUnreadableError",
            "hardpoint.oauth.catalogue": (
                "BodyEncoding Client ClientAuth Expiry Pkce ProviderEntry RefreshRotation "
                "Revocation"
            ),
            "hardpoint.oauth.client_tokens": ("ClientTokens",),
            "hardpoint.oauth.endpoint": ("TokenEndpoint",),
            "hardpoint.oauth.identity": ("Asked", "Identity"),
            "hardpoint.oauth.tokens": ("Tokens",),
            "hardpoint.runtime.asynchronous": ("AsyncRuntime",),
            "hardpoint.runtime.blocking": ("BlockingRuntime",),
            "hardpoint.runtime.clocks": ("SystemClock",),
            "hardpoint.runtime.decoding_types": ("prepared",),
            "hardpoint.runtime.effects": ("Caller", "Runtime"),
            "hardpoint.storage.keys": ("checked_content_type", "checked_key"),
            "hardpoint.testing.conformance.chat": ("ChatConformance",),
            "hardpoint.testing.conformance.chat_subject": "ChatRefusals ChatSeen ChatSubject",
            "hardpoint.testing.conformance.email": ("EmailConformance",),
            "hardpoint.testing.conformance.email_subject": ("EmailRefusals", "EmailSubject"),
            "hardpoint.testing.conformance.faults": ("Adapter", "FaultConformance", "FaultRow"),
            "hardpoint.testing.conformance.modes": "AsyncMode BlockingMode MODES Mode exercises",
            "hardpoint.testing.conformance.payment_subject": ("PaymentRefusals", "PaymentSubject"),
            "hardpoint.testing.conformance.payments": ("PaymentConformance",),
            "hardpoint.testing.conformance.served": ("driver_of", "port_on"),
            "hardpoint.testing.conformance.sms": ("SmsConformance",),
            "hardpoint.testing.conformance.sms_subject": ("SmsRefusals", "SmsSubject"),
            "hardpoint.testing.conformance.storage": ("StorageConformance",),
            "hardpoint.testing.conformance.storage_subject": ("StorageRefusals", "StorageSubject"),
            "hardpoint.testing.conformance.voice": ("VoiceConformance",),
            "hardpoint.testing.conformance.voice_subject": ("VoiceRefusals", "VoiceSubject"),
            "hardpoint.webhooks.certificates": ("RSA_US", "RsaKey", "believed"),
            "hardpoint.webhooks.endpoints": "EndpointChange RegisteredEndpoint WebhookSetup",
            "hardpoint.webhooks.envelopes": (
                "Name OptionalName Unreadable check_name check_printable named open_batch "
                "open_envelope"
            ),
            "hardpoint.webhooks.fetched_keys": (
                "KeyFetch KeyNeededError KeySource KeyUnavailableError UnknownKeyError"
            ),
            "hardpoint.webhooks.forms": (
                "FORM_BYTES_MAX FORM_FIELDS_MAX FormField form_fields form_texts"
            ),
            "hardpoint.webhooks.grammar": (
                "Encoding Grammar OneSignature Pairs base64 from_base64 in_base64 in_base64url "
                "in_hex"
            ),
            "hardpoint.webhooks.public_keys": "AsymmetricKey EcdsaKey Ed25519Key PublicKeyScheme",
            "hardpoint.webhooks.samples": ("Sample", "Samples", "SamplesFile"),
            "hardpoint.webhooks.schemes": "BodyScheme CONTENT_HEADERS HmacScheme SignatureScheme",
            "hardpoint.webhooks.signatures": (
                "CANDIDATES_MAX HMAC_US HmacKey TOLERANCE Unfit check_age check_tolerance "
                "matching_key prepare signature_in timestamp"
            ),
            "hardpoint.webhooks.verification": (
                "Arrival BODY_BYTES_MAX Coverage Notification Replay Reply Scheme SchemeType "
                "Verified WebhookRequest"
            ),
        },
    )
