"""Tokens, and where they are had."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from aiocloud.http.message import Request, Response
from aiocloud.simulators.azure.wire import Json, RefusedError, answer

LIFE = 3599
"""Seconds for which a token is good."""
SCOPES = frozenset({"https://management.azure.com/.default", "https://management.core.windows.net//.default"})


class Doorkeeper:
    """Gives tokens to an application in a tenant, and to the machine that asks its metadata service."""

    def __init__(self, tenant: str, client: str, secret: str, *, now: Callable[[], datetime]) -> None:
        self.tenant, self.client, self.secret = tenant, client, secret
        self._now = now
        self._given: dict[str, datetime] = {}

    def expire(self) -> None:
        """Refuse all tokens that were given so far."""
        self._given.clear()

    def check(self, request: Request) -> None:
        """Raises for a request without a token that is good."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if not token:
            text = "Authentication failed. The 'Authorization' header is missing."
            raise RefusedError(401, "AuthenticationFailed", text)
        ends = self._given.get(token)
        if kind != "Bearer" or ends is None:
            raise RefusedError(401, "InvalidAuthenticationToken", "The access token is invalid.")
        if self._now() >= ends:
            raise RefusedError(
                401, "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than now."
            )

    def sign_in(self, request: Request, tenant: str) -> Response:
        """Give an application a token."""
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        if tenant.lower() != self.tenant:
            text = f"AADSTS90002: Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
            return _no("invalid_request", 90002, text, 400)
        if form.get("client_id") != self.client:
            text = (
                f"AADSTS700016: Application with identifier '{form.get('client_id')}' was not found in the directory."
            )
            return _no("unauthorized_client", 700016, text, 400)
        if form.get("client_secret") != self.secret:
            text = f"AADSTS7000215: Invalid client secret provided for app '{self.client}'."
            return _no("invalid_client", 7000215, text, 401)
        if form.get("grant_type") != "client_credentials" or not SCOPES & set(form.get("scope", "").split()):
            return _no(
                "invalid_scope", 70011, "AADSTS70011: The provided value for the input parameter is not valid.", 400
            )
        return answer(
            {"token_type": "Bearer", "expires_in": LIFE, "ext_expires_in": LIFE, "access_token": self.token()}
        )

    def metadata(self, request: Request) -> Response:
        """Give the machine that asks a token."""
        if request.headers.get("Metadata") != "true":
            return answer(
                {"error": "invalid_request", "error_description": "Required metadata header not specified"}, 400
            )
        return answer(self._for_machines())

    def app(self, request: Request) -> Response:
        """Give the app that asks a token."""
        if request.headers.get("X-IDENTITY-HEADER") != "harbour-identity-header":
            return answer({"statusCode": 401, "message": "The header does not match."}, 401)
        found = self._for_machines()
        del found["expires_in"]
        return answer(found)

    def _for_machines(self) -> Json:
        ends = int(self._now().timestamp()) + LIFE
        resource = "https://management.azure.com/"
        about = {"token_type": "Bearer", "resource": resource, "client_id": self.client}
        return {"access_token": self.token(), "expires_in": str(LIFE), "expires_on": str(ends), **about}

    def token(self) -> str:
        """A new token, as a user might bring it."""
        token = f"eyJ0eXAiOiJKV1Qi.{secrets.token_urlsafe(48)}.{secrets.token_urlsafe(24)}"
        self._given[token] = self._now() + timedelta(seconds=LIFE)
        return token


def configuration(request: Request, tenant: str) -> Response:
    """Where a tenant's tokens are had, for clients that ask."""
    base = f"{request.url.origin()}/{tenant}"
    return answer(
        {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "issuer": f"{base}/v2.0",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }
    )


def _no(error: str, number: int, description: str, status: int) -> Response:
    trace = "00000000-0000-0000-0000-000000000000"
    about = {"error_codes": [number], "timestamp": "2020-12-31 12:00:00Z", "trace_id": trace, "correlation_id": trace}
    return answer({"error": error, "error_description": description, **about}, status)
