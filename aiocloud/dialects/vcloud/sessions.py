"""Signing in: every age of the API has its own way, and in each a session ends when nobody uses it."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from aiocloud.dialects.vcloud.protocol import many
from aiocloud.driver import segment
from aiocloud.errors import ConfigurationError, MalformedResponseError
from aiocloud.http.auth import Token, TokenAuth, with_headers
from aiocloud.http.client import Client
from aiocloud.http.message import Request, Response
from aiocloud.http.redact import Redactor
from aiocloud.mapping import dig
from aiocloud.values import Secret

SignedHeaders: TypeAlias = Callable[[Request, Token], Mapping[str, str]]


class SessionAuth(TokenAuth):
    """A layer: sessions are opened on first use, and once more on a 401, by one of however many requests need it.

    `headers` are those that show the session with a request.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Token]],
        headers: SignedHeaders,
        *,
        now: Callable[[], datetime],
        redactor: Redactor,
    ) -> None:
        super().__init__(fetch, header="", now=now, redactor=redactor)
        self._headers = headers

    def _sign(self, request: Request, token: Token) -> Request:
        return with_headers(request, self._headers(request, token))


def basic(user: str, password: Secret) -> Mapping[str, str]:
    """The header with which a session is asked for.

    >>> basic("alice@acme", Secret("pa55"))
    {'Authorization': 'Basic YWxpY2VAYWNtZTpwYTU1'}
    """
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password.reveal()}".encode()).decode()}


def given(response: Response, header: str) -> Secret:
    """The session in a header of the answer to a sign-in."""
    value = response.headers.get(header)
    if not value:
        raise MalformedResponseError(f"signing in gave no {header}")
    return Secret(value)


# ---- VMware Cloud Director ----

NEWEST = 39
"""The last generation of the API that is VMware Cloud Director's (10.6); 40 is another product's."""
TOKENS = 33
"""The generation in which sessions moved to the newer half of the API and became bearer tokens."""


async def negotiated(http: Client) -> str:
    """The newest version of the API that the server and we speak. Raises ConfigurationError if there is none."""
    told = await http.call("GET", "/api/versions", operation="GET versions")
    found = [str(dig(each, "Version")) for each in many(dig(told, "SupportedVersions.VersionInfo"))]
    known = [each for each in found if _number(each) and _number(each)[0] <= NEWEST]
    if not known:
        raise ConfigurationError(f"{http.provider}: no version of the API in common; the server has {found}")
    return max(known, key=_number)


def _number(version: str) -> tuple[int, ...]:
    """A version for comparing; empty for one that is not final ("39.0.0-alpha")."""
    parts = version.split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else ()


def accepted(request: Request, version: str) -> str:
    """The Accept header: it tells the version, and the half of the API tells the format."""
    kind = "application/json" if "/cloudapi/" in request.url.path else "application/*+xml"
    return f"{kind};version={version}"


def session_headers(request: Request, token: Token) -> Mapping[str, str]:
    """What shows a session with each request."""
    version = token.data["version"]
    accept = {"Accept": accepted(request, version)}
    if _number(version)[0] < TOKENS:
        return {"x-vcloud-authorization": token.value.reveal(), **accept}
    return {"Authorization": f"Bearer {token.value.reveal()}", **accept}


async def open_session(http: Client, user: str, org: str, password: Secret) -> Token:
    """A session for a user's password."""
    version = await negotiated(http)
    if _number(version)[0] < TOKENS:
        path, accept, header = "/api/sessions", "application/*+xml", "x-vcloud-authorization"
    else:
        provider = "/provider" if org.lower() == "system" else ""
        path, accept = f"/cloudapi/1.0.0/sessions{provider}", "application/json"
        header = "X-VMWARE-VCLOUD-ACCESS-TOKEN"
    headers = {**basic(f"{user}@{org}", password), "Accept": f"{accept};version={version}"}
    response = await http.send("POST", path, headers=headers, idempotent=True, operation="sign in")
    return Token(value=given(response, header), data={"version": version})


async def exchange(http: Client, org: str, api_token: Secret, now: datetime) -> Token:
    """A session for an API token."""
    version = await negotiated(http)
    where = "provider" if org.lower() == "system" else f"tenant/{segment(org)}"
    form = {"grant_type": "refresh_token", "refresh_token": api_token.reveal()}
    headers = {"Accept": "application/json"}
    answer: Any = await http.call(
        "POST", f"/oauth/{where}/token", form=form, headers=headers, idempotent=True, operation="sign in"
    )
    if not dig(answer, "access_token"):
        raise MalformedResponseError("signing in gave no access_token")
    expires = now + timedelta(seconds=float(answer.get("expires_in") or 3600))
    return Token(value=Secret(answer["access_token"]), expires_at=expires, data={"version": version})
