"""Where an access key may come from: variables, files, a container, the instance itself.

In the order of Amazon's own tools; the first that has one is taken:
https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from yarl import URL

from aiocloud.accounts import Environment
from aiocloud.dialects.ec2 import Credentials
from aiocloud.errors import CloudError, ConfigurationError, InvalidCredsError, TransportError
from aiocloud.http.auth import Token, TokenAuth
from aiocloud.http.message import Handler, Request, Response, headers_of
from aiocloud.http.redact import Redactor
from aiocloud.mapping import timestamp
from aiocloud.providers.ec2.profiles import profiles
from aiocloud.values import Secret

PATIENCE = 1.0
"""Seconds for each question to the metadata service: where there is none, nobody refuses the connection."""

WAYS = (
    "give access_key_id and secret_access_key, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile of "
    "~/.aws/credentials (AWS_PROFILE), or run on an instance or in a container that has a role"
)


class Source(Protocol):
    """One place to look in."""

    async def load(self) -> Credentials | None:
        """The access key that is there, or None. Raises if there is something, and it is no good."""
        ...


@dataclass(frozen=True, slots=True)
class Given:
    """An access key that the caller has named."""

    credentials: Credentials

    async def load(self) -> Credentials | None:
        """It."""
        return self.credentials


@dataclass(frozen=True, slots=True)
class Variables:
    """AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN."""

    environment: Environment

    async def load(self) -> Credentials | None:
        """The key in the variables."""
        return from_variables(self.environment)


def from_variables(environment: Environment) -> Credentials | None:
    """The key in the environment's variables, if both halves are there."""
    key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    token = environment.get("AWS_SESSION_TOKEN")
    return Credentials(key, Secret(secret), Secret(token) if token else None) if key and secret else None


@dataclass(frozen=True, slots=True)
class SharedFiles:
    """A profile of ~/.aws/credentials or ~/.aws/config; `wanted` was asked for by name, and must be there."""

    environment: Environment
    wanted: str | None = None

    async def load(self) -> Credentials | None:
        """The profile's key."""
        return from_files(self.environment, self.wanted)


def from_files(environment: Environment, wanted: str | None = None) -> Credentials | None:
    """The key of a profile; None if none was asked for, and the default one has none.

    Raises ConfigurationError for one that was asked for and has none.
    """
    wanted = wanted or environment.get("AWS_PROFILE")
    known = profiles(environment)
    profile = known.get(wanted or "default")
    if profile is not None and profile.credentials:
        return profile.credentials
    if not wanted:
        return None
    if profile is None:
        raise ConfigurationError(f"there is no AWS profile {wanted!r}; there are: {', '.join(known) or 'none'}")
    why = f"relies on {profile.needs}, which needs Amazon's own tools" if profile.needs else "holds no key"
    raise ConfigurationError(
        f"the AWS profile {wanted!r} {why}: export one with "
        f"`aws configure export-credentials --profile {wanted} --format env`"
    )


@dataclass(frozen=True, slots=True)
class Container:
    """The endpoint that ECS and EKS give a container.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
    """

    environment: Environment
    transport: Callable[[], Handler]

    async def load(self) -> Credentials | None:
        """The key of the task's role."""
        url = self._url()
        if url is None:
            return None
        headers = {"Authorization": token} if (token := self._token()) else {}
        answer = await _ask(self.transport(), "GET", url, headers)
        return _read(answer, url)

    def _url(self) -> str | None:
        if path := self.environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
            return f"http://169.254.170.2{path}"
        full = self.environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        if full and not _is_near(URL(full)):
            raise ConfigurationError(f"AWS_CONTAINER_CREDENTIALS_FULL_URI leads to {URL(full).host}, without HTTPS")
        return full

    def _token(self) -> str | None:
        if path := self.environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
            try:
                return Path(path).read_text("utf-8").strip()
            except OSError as error:
                raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
        return self.environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")


NEAR = frozenset({"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost", "127.0.0.1", "::1"})
"""The hosts that may be asked for keys without encryption."""


def _is_near(url: URL) -> bool:
    return url.scheme == "https" or url.host in NEAR


@dataclass(frozen=True, slots=True)
class Instance:
    """The metadata service of the instance that this runs on, version 2 only.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
    """

    environment: Environment
    transport: Callable[[], Handler]

    async def load(self) -> Credentials | None:
        """The key of the instance's role; None where there is no such service, or no role."""
        if (self.environment.get("AWS_EC2_METADATA_DISABLED") or "").lower() == "true":
            return None
        named = self.environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
        base = f"{(named or 'http://169.254.169.254').rstrip('/')}/latest"
        send = self.transport()
        lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}
        try:
            token = await _ask(send, "PUT", f"{base}/api/token", lifetime)
        except TransportError:
            return None  # not on EC2
        if not token.ok:
            return None
        roles = f"{base}/meta-data/iam/security-credentials/"
        headers = {"X-aws-ec2-metadata-token": token.text().strip()}
        role = await _ask(send, "GET", roles, headers)
        name = role.text().partition("\n")[0].strip()
        if not role.ok or not name:
            return None
        return _read(await _ask(send, "GET", f"{roles}{name}", headers), f"{roles}{name}")


async def _ask(send: Handler, method: str, url: str, headers: Mapping[str, str]) -> Response:
    request = Request(
        method=method,
        url=URL(url, encoded=True),
        headers=headers_of(headers),
        idempotent=True,
        operation="credentials",
        timeout=PATIENCE,
    )
    return await send(request)


def _read(answer: Response, url: str) -> Credentials:
    """The key in an answer. Raises InvalidCredsError, which quotes nothing of it."""
    try:
        said: dict[str, Any] = json.loads(answer.body) if answer.ok else {}
        return Credentials(
            said["AccessKeyId"],
            Secret(said["SecretAccessKey"]),
            Secret(said["Token"]) if said.get("Token") else None,
            timestamp(said["Expiration"]) if said.get("Expiration") else None,
        )
    except (ValueError, KeyError, TypeError):
        message = f"{URL(url).host} gave no credentials (HTTP {answer.status})"
        raise InvalidCredsError(message, sent=False) from None


class Chain:
    """Credentials from the first source that has some.

    They are looked for at the first request and again before they expire. However many requests wait for them, one
    of them looks; cancelling it leaves the others with a search of their own.
    """

    def __init__(self, sources: Sequence[Source], *, now: Callable[[], datetime], redactor: Redactor) -> None:
        self._sources = sources
        self._redactor = redactor
        self._tokens = TokenAuth(self._look, header="", now=now, redactor=redactor)
        self._held: Token | None = None

    async def __call__(self) -> Credentials:
        """The credentials in force. Raises InvalidCredsError, which says what to set, where there are none."""
        try:
            return await self._current()
        except CloudError as error:
            error.sent = error.doubtful = False  # the request itself never left
            raise

    def expired(self, credentials: Credentials) -> bool:
        """Forget credentials that the server calls expired. Whether there may be others."""
        if credentials.session_token is None:
            return False
        held = self._held
        if held is not None and held.data["credentials"] is credentials:
            self._tokens.expire(held)
        return True

    async def _current(self) -> Credentials:
        self._held = await self._tokens.token()
        found: Credentials = self._held.data["credentials"]
        return found

    async def _look(self) -> Token:
        for source in self._sources:
            found = await source.load()
            if found is not None:
                self._redactor.add(found.session_token)
                return Token(value=found.secret_access_key, expires_at=found.expires_at, data={"credentials": found})
        raise InvalidCredsError(f"no AWS credentials were found: {WAYS}", sent=False)
