"""The ways to get a token: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow"""

from __future__ import annotations

import json
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio

from aiocloud.driver import segment
from aiocloud.errors import ConfigurationError, InvalidCredsError
from aiocloud.http.auth import Token
from aiocloud.http.client import Client
from aiocloud.mapping import Shape, at
from aiocloud.values import Secret

if TYPE_CHECKING:
    from aiocloud.driver import Driver

ANSWER = Shape(Token, value=at("access_token", Secret), data=lambda payload: _end(payload))
CLI_PATIENCE = 60.0
"""Seconds that the Azure CLI may take."""


class Way(ABC):
    """How tokens are had."""

    @abstractmethod
    async def token(self) -> Token:
        """A new token. Raises InvalidCredsError."""


@dataclass(frozen=True, slots=True)
class Ready(Way):
    """A token that the user brings. When it has ended, it has."""

    value: Secret

    async def token(self) -> Token:
        """That one."""
        return Token(value=self.value)


@dataclass(frozen=True, slots=True)
class ClientSecret(Way):
    """The secret of an application in a tenant."""

    http: Client
    now: Callable[[], datetime]
    tenant: str
    client: str
    secret: Secret = field(repr=False)
    scope: str

    async def token(self) -> Token:
        """A new token. Two do no harm, so that the request may be repeated after a lost answer."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client,
            "client_secret": self.secret.reveal(),
            "scope": self.scope,
        }
        path = f"/{segment(self.tenant)}/oauth2/v2.0/token"
        payload = await self.http.call("POST", path, form=form, idempotent=True)
        return _read(self.http, payload, self.now())


@dataclass(frozen=True, slots=True)
class MachineIdentity(Way):
    """The identity of the machine that we run on; `client` chooses one of several."""

    http: Client
    now: Callable[[], datetime]
    client: str | None
    resource: str

    async def token(self) -> Token:
        """What the metadata service gives."""
        params = {"api-version": "2018-02-01", "resource": f"{self.resource}/"}
        params |= {"client_id": self.client} if self.client else {}
        path = "/metadata/identity/oauth2/token"
        payload = await self.http.call("GET", path, params=params, headers={"Metadata": "true"}, timeout=10.0)
        return _read(self.http, payload, self.now())


@dataclass(frozen=True, slots=True)
class AppService(Way):
    """The identity of the app that we run in."""

    http: Client
    now: Callable[[], datetime]
    client: str | None
    resource: str
    header: Secret = field(repr=False)

    async def token(self) -> Token:
        """What the app's own endpoint gives."""
        params = {"api-version": "2019-08-01", "resource": f"{self.resource}/"}
        params |= {"client_id": self.client} if self.client else {}
        headers = {"X-IDENTITY-HEADER": self.header.reveal()}
        payload = await self.http.call("GET", "", params=params, headers=headers, operation="GET identity")
        return _read(self.http, payload, self.now())


@dataclass(frozen=True, slots=True)
class Cli(Way):
    """Whoever has signed in with the Azure CLI, which is run for each new token."""

    driver: Driver
    program: str
    subscription: str | None

    async def token(self) -> Token:
        """What `az account get-access-token` prints."""
        command = [self.program, "account", "get-access-token", "--output", "json"]
        command += ["--subscription", self.subscription] if self.subscription else []
        try:
            with anyio.fail_after(CLI_PATIENCE):
                done = await anyio.run_process(command, check=False, stdin=subprocess.DEVNULL)
        except OSError as error:
            message = f"the Azure CLI ({self.program}) cannot be run: {error.strerror}"
            raise ConfigurationError(message) from error
        except TimeoutError:
            raise self._wrong(f"took longer than {CLI_PATIENCE:g} s") from None
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise self._wrong(f"gives no token: {said[0][:500] if said else f'status {done.returncode}'}")
        try:
            told = json.loads(done.stdout)
            return Token(value=Secret(told["accessToken"]), expires_at=_moment(told.get("expires_on")))
        except (ValueError, TypeError, LookupError):
            raise self._wrong("prints no token") from None

    def _wrong(self, what: str) -> InvalidCredsError:
        text = self.driver.redactor.clean(f"the Azure CLI {what}")
        return InvalidCredsError(text, sent=False, provider=self.driver.provider, account=self.driver.account)


def _end(payload: Any) -> Mapping[str, Any]:
    return {key: int(payload[key]) for key in ("expires_in", "expires_on") if payload.get(key)}


def _read(http: Client, payload: Any, now: datetime) -> Token:
    answer = http.read(ANSWER, payload, operation="a sign-in")
    seconds = answer.data.get("expires_in")
    ends = now + timedelta(seconds=seconds) if seconds else _moment(answer.data.get("expires_on"))
    return Token(value=answer.value, expires_at=ends)


def _moment(epoch: int | None) -> datetime | None:
    return datetime.fromtimestamp(int(epoch), UTC) if epoch else None
