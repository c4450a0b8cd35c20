"""Everything that can go wrong, as one tree.

* AiocloudError
  x ConfigurationError          what the caller gave: an argument, a file, an environment variable
    + ProviderNotFoundError       no such provider
  x CloudError                  what a cloud answered, or failed to
    + ApiError                    the provider's no, with status, code, message and request id
      - InvalidCredsError           the credentials are wrong, expired or missing
      - ForbiddenError              they are right, and not enough
      - NotFoundError               no such node, image, size …
      - InvalidRequestError         the request makes no sense to the provider
      - ConflictError               a duplicate name, a wrong state, a resource in use
      - QuotaExceededError          the account may not have more
      - CapacityError               the provider has no more
      - RateLimitReachedError       too many requests; carries `retry_after`
      - ServerError                 the provider is broken
        · ServiceUnavailableError     … for the moment
    + MalformedResponseError      an answer that is not what the API promises (HTML, a cut body, a missing id)
    + TransportError              no answer at all
      - ConnectError                no connection: the name, the network, a refusal, a proxy
        · TLSError                    the certificate or the handshake
      - AnswerLostError             sent, and the answer was lost on the way
        · RequestTimeoutError         sent, and the answer did not come in time
    + PagingError                 a list that never ends, or leads elsewhere
    + WaitTimeoutError            a node did not reach the wanted state in time
    + NodeStateError              a node reached a state from which it never will
    + AmbiguousCreateError        a create whose outcome is not known: a node may be running
  x RemoteError                 what went wrong on a node, or on the way to it, over SSH
    + SSHConnectError             nobody could sign in: refused, too late, no SSH server
      - HostKeyError                its host key is not one that is trusted
      - SignInError                 it refuses the user, the key or the password
    + ConnectionLostError         the connection broke in the midst of something
    + FileTransferError           a file could not be written or read
    + CommandError                a command did not end well; carries what it wrote
      - ScriptFailedError           it ended with another status than 0, or by a signal
      - CommandTimeoutError         it did not end in time
      - OutputLimitError            it wrote more than may be kept
    + NotStartedError             it was never tried: too many others had failed, or the caller left
  x DeploymentError             a deployment failed; carries the node, the step, the cause and what became of the node

Every CloudError names the provider and the account. `retryable` says whether the same call may succeed a
little later, `sent` whether the request may have reached the provider at all. All of them pickle.
"""

from __future__ import annotations

from typing import Any, ClassVar


def _rebuild(cls: type[AiocloudError], args: tuple[Any, ...], state: dict[str, Any]) -> AiocloudError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class AiocloudError(Exception):
    """The root of all errors that this package raises by intent."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__.copy())


class ConfigurationError(AiocloudError):
    """An argument, a file or an environment variable is wrong; the message says how to mend it."""


class ProviderNotFoundError(ConfigurationError):
    """No provider has that id; the message names those that come near."""


class RetiredProviderWarning(UserWarning):
    """The provider closed; the message says since when, and which one succeeded it."""


class CloudError(AiocloudError):
    """What a cloud answered, or failed to."""

    retryable: bool = False
    sent: bool = True
    exhausted: bool = False
    """Whether it was repeated as often as the policy allows."""
    doubtful: bool = False
    """Whether an earlier sending of the same request may have taken effect, whatever the last one says."""

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        account: str = "",
        operation: str = "",
        retryable: bool | None = None,
        sent: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.account = account
        self.operation = operation
        self.attempts = 1
        if retryable is not None:
            self.retryable = retryable
        if sent is not None:
            self.sent = sent

    def _details(self) -> list[str]:
        return []

    @property
    def reason(self) -> str:
        """What happened, without whose it is."""
        details = ", ".join(self._details())
        return self.message + f" ({details})" * bool(details)

    def __str__(self) -> str:
        who = f"{self.provider} ({self.account})" if self.account else self.provider
        return f"{who}: " * bool(who) + self.reason


class ApiError(CloudError):
    """The provider's no.

    `status` is HTTP's, `code` the provider's own word for the error, `request_id` its name for the
    exchange, `retry_after` the seconds that it asked to wait.
    """

    mend: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        **context: Any,
    ) -> None:
        super().__init__(message, **context)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after

    def _details(self) -> list[str]:
        request = f"request {self.request_id}" if self.request_id else None
        return [str(part) for part in (self.status, self.code, request) if part]

    @property
    def reason(self) -> str:
        """What happened, and what the user can do about it."""
        reason = super().reason
        return f"{reason.removesuffix('.')}. {self.mend}" if self.mend else reason


class InvalidCredsError(ApiError):
    """The credentials are wrong, expired or missing."""

    mend = "Check the credentials of this account"


class ForbiddenError(ApiError):
    """The credentials are right, but do not permit this."""


class NotFoundError(ApiError):
    """There is no such thing, or not yet, or no longer."""


class InvalidRequestError(ApiError):
    """The request makes no sense to the provider: an unknown size, a malformed id, a missing value."""


class ConflictError(ApiError):
    """The request conflicts with what is there: a duplicate, a wrong state, a resource in use."""


class QuotaExceededError(ApiError):
    """The account may not have more of this. Never repeated."""


class CapacityError(ApiError):
    """The provider has no more of this in that location. Never repeated."""


class RateLimitReachedError(ApiError):
    """Too many requests. The provider refused this one, so that repeating it is always safe."""

    retryable = True


class ServerError(ApiError):
    """The provider is broken."""

    retryable = True


class ServiceUnavailableError(ServerError):
    """The provider is not there for the moment."""


class MalformedResponseError(CloudError):
    """An answer that is not what the API promises: HTML, a cut body, a missing id."""


class TransportError(CloudError):
    """No answer at all."""

    retryable = True


class ConnectError(TransportError):
    """No connection could be made, so that nothing was sent."""

    sent = False


class TLSError(ConnectError):
    """The certificate or the handshake failed. Never repeated."""

    retryable = False


class AnswerLostError(TransportError):
    """The request was sent, and its answer was lost on the way: it may have taken effect."""


class RequestTimeoutError(AnswerLostError):
    """The request was sent, and its answer did not come in time: it may have taken effect."""


class PagingError(CloudError):
    """A list whose pages never end, or lead away from the API."""


class WaitTimeoutError(CloudError):
    """A node did not reach the wanted state in time. `node_id` names it: it still exists."""

    def __init__(self, message: str, *, node_id: str, **context: Any) -> None:
        super().__init__(message, **context)
        self.node_id = node_id


class NodeStateError(WaitTimeoutError):
    """A node reached a state from which it never comes to the wanted one."""


class AmbiguousCreateError(CloudError):
    """A create whose outcome is not known. A node may be running, and cost money.

    The message says what to look for; `name` is the node's, `token` the mark that it carries where the
    provider lets a node carry one.
    """

    def __init__(self, message: str, *, name: str, token: str | None = None, **context: Any) -> None:
        super().__init__(message, **context)
        self.name = name
        self.token = token


class RemoteError(AiocloudError):
    """What went wrong on a node, or on the way to it, over SSH. `host` is the address, or the name, that was used."""

    def __init__(self, message: str, *, host: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.host = host

    def __str__(self) -> str:
        return f"{self.host}: " * bool(self.host) + self.message


class SSHConnectError(RemoteError):
    """Nobody could sign in: no route, no SSH server, no answer in time."""


class HostKeyError(SSHConnectError):
    """Its host key is not one that is trusted: another machine, a new one at an old address, or somebody between.

    `presented` is the fingerprint of the key that it showed.
    """

    def __init__(self, message: str, *, presented: str = "", **context: Any) -> None:
        super().__init__(message, **context)
        self.presented = presented


class SignInError(SSHConnectError):
    """The SSH server refuses the user, the key or the password."""


class ConnectionLostError(RemoteError):
    """The connection broke. What was going on may have happened in part, or may still go on."""


class FileTransferError(RemoteError):
    """A file could not be written or read: no room, no permission, no such folder. It may be there in part."""


class CommandError(RemoteError):
    """A command did not end well. `stdout` and `stderr` hold what it wrote until then, as far as it is kept."""

    def __init__(self, message: str, *, command: str = "", stdout: str = "", stderr: str = "", **context: Any) -> None:
        super().__init__(message, **context)
        self.command = command
        self.stdout = stdout
        self.stderr = stderr


class ScriptFailedError(CommandError):
    """It ended with another status than 0, or by a signal: `exit_status` (None then) and `exit_signal` ("TERM")."""

    def __init__(
        self, message: str, *, exit_status: int | None = None, exit_signal: str | None = None, **context: Any
    ) -> None:
        super().__init__(message, **context)
        self.exit_status = exit_status
        self.exit_signal = exit_signal


class CommandTimeoutError(CommandError):
    """It did not end in time, and was told to; the message says whether it did then."""


class OutputLimitError(CommandError):
    """It wrote more than may be kept, and was stopped."""


class NotStartedError(RemoteError):
    """It was never tried."""


class DeploymentError(AiocloudError):
    """A deployment failed.

    `node` is the machine, or None where none was made; `step` the step that failed, None where it came to none;
    `cause` the error. `left` says what became of the machine: "destroyed", "running" (it was kept on purpose),
    "unknown" (it may be running, since removing it failed), "none" (there never was one).
    """

    def __init__(
        self, message: str, *, node: Any, step: Any = None, cause: BaseException | None = None, left: str = "unknown"
    ) -> None:
        super().__init__(message)
        self.node = node
        self.step = step
        self.cause = cause
        self.left = left


# The names that this field's users know.
LibcloudError = AiocloudError
InvalidCredsException = InvalidCredsError
DeploymentException = DeploymentError
SSHCommandTimeoutError = CommandTimeoutError
