"""The blocking hub's ports, from `hardpoint.hub.ports`; written by scripts/generate_sync."""

from typing import TYPE_CHECKING
from hardpoint.hub.ports import Ports

if TYPE_CHECKING:
    from hardpoint.sync.chat import ChatNotifier
    from hardpoint.sync.graphql import GraphQLClient
    from hardpoint.sync.grpc import GrpcClient
    from hardpoint.sync.rest import RestClient
    from hardpoint.sync.email import EmailSender
    from hardpoint.sync.functions import FunctionInvoker
    from hardpoint.sync.payments import PaymentGateway
    from hardpoint.sync.queues import Queue
    from hardpoint.sync.sms import SmsSender
    from hardpoint.sync.storage import ObjectStore
    from hardpoint.sync.voice import VoiceCaller


class CallsOut:
    """The methods that give users their ports; those of the blocking hub are generated."""
    _ports: Ports

    def payments(self, connection: str) -> 'PaymentGateway':
        """Takes payments through a connection.

        Args:
            connection: its name, or the id of a payment or refund, which carries it: so
                `hub.payments(payment.id)` finds who took that payment.

        Raises:
            ConfigurationError: it is not configured, or its provider takes no payments.
        """
        from hardpoint.sync.payments import PaymentGateway
        return PaymentGateway(self._ports.get('payments', connection))

    def sms(self, connection: str) -> 'SmsSender':
        """Sends text messages through a connection, or a group; see `payments` for its name."""
        from hardpoint.sync.sms import SmsSender
        return SmsSender(self._ports.get('sms', connection))

    def email(self, connection: str) -> 'EmailSender':
        """Sends email through a connection, or a group; see `payments` for its name."""
        from hardpoint.sync.email import EmailSender
        return EmailSender(self._ports.get('email', connection))

    def storage(self, connection: str) -> 'ObjectStore':
        """Keeps files through a connection; see `payments` for its name."""
        from hardpoint.sync.storage import ObjectStore
        return ObjectStore(self._ports.get('storage', connection))

    def chat(self, connection: str) -> 'ChatNotifier':
        """Posts to a chat through a connection; see `payments` for its name."""
        from hardpoint.sync.chat import ChatNotifier
        return ChatNotifier(self._ports.get('chat', connection))

    def voice(self, connection: str) -> 'VoiceCaller':
        """Makes telephone calls through a connection; see `payments` for its name."""
        from hardpoint.sync.voice import VoiceCaller
        return VoiceCaller(self._ports.get('voice', connection))

    def queue(self, connection: str) -> 'Queue':
        """Sends and receives messages through a connection; see `payments` for its name."""
        from hardpoint.sync.queues import Queue
        return Queue(self._ports.get('queue', connection))

    def function(self, connection: str) -> 'FunctionInvoker':
        """Runs a function at a provider through a connection; see `payments` for its name."""
        from hardpoint.sync.functions import FunctionInvoker
        return FunctionInvoker(self._ports.get('function', connection))

    def rest(self, connection: str) -> 'RestClient':
        """Calls any API through a connection with `provider = "rest"`."""
        from hardpoint.sync.rest import RestClient
        return RestClient(self._ports.get('rest', connection))

    def graphql(self, connection: str) -> 'GraphQLClient':
        """Asks any GraphQL API through a connection with `provider = "graphql"`."""
        from hardpoint.sync.graphql import GraphQLClient
        return GraphQLClient(self._ports.get('graphql', connection))

    def grpc(self, connection: str) -> 'GrpcClient':
        """Calls any gRPC service through a connection with `provider = "grpc"`."""
        from hardpoint.sync.grpc import GrpcClient
        return GrpcClient(self._ports.get('grpc', connection))
