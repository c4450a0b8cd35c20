"""Signature version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

from yarl import URL

from aiocloud.http.auth import with_headers
from aiocloud.http.message import Handler, Request, Response
from aiocloud.values import Secret

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key; `session_token` goes with a temporary one, which ends at `expires_at`."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None = None
    expires_at: datetime | None = None


class SigV4:
    """A layer that signs each attempt afresh, so that a repeated request never carries a stale date.

    `credentials` is asked each time. The host, the content type and all `x-amz-` headers are signed; others may be
    changed by proxies. Where the server says that a token has expired, `expired` is told, and the request is sent once
    more with what `credentials` gives then.
    """

    def __init__(
        self,
        credentials: Callable[[], Awaitable[Credentials]],
        *,
        region: str,
        now: Callable[[], datetime],
        service: str = "ec2",
        expired: Callable[[Credentials], bool] | None = None,
    ) -> None:
        self._credentials = credentials
        self._region = region
        self._service = service
        self._now = now
        self._expired = expired
        self._key_for: tuple[str, str] = ("", "")
        self._key = b""

    async def __call__(self, request: Request, send: Handler) -> Response:
        """Sign and send."""
        credentials = await self._credentials()
        response = await send(self.sign(request, credentials))
        if self._expired and _token_expired(response) and self._expired(credentials):
            return await send(self.sign(request, await self._credentials()))
        return response

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """The request with its date and signature."""
        stamp = self._now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        dated = with_headers(request, _additions(request.url, stamp, credentials))
        signed = {
            name.lower(): value
            for name, value in dated.headers.items()
            if name.lower() in ("host", "content-type") or name.lower().startswith("x-amz-")
        }
        names = ";".join(sorted(signed))
        scope = f"{stamp[:8]}/{self._region}/{self._service}/aws4_request"
        digest = hashlib.sha256(canonical_request(dated, signed).encode()).hexdigest()
        text = f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}"
        signature = hmac.digest(self._day_key(credentials, stamp[:8]), text.encode(), "sha256").hex()
        value = f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, SignedHeaders={names}, "
        return with_headers(dated, {"Authorization": f"{value}Signature={signature}"})

    def _day_key(self, credentials: Credentials, day: str) -> bytes:
        """The key of the day, which takes four rounds to derive and serves until midnight."""
        secret = credentials.secret_access_key.reveal()
        if self._key_for != (secret, day):
            self._key = signing_key(secret, day, self._region, self._service)
            self._key_for = (secret, day)
        return self._key


def signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """The key for one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def canonical_request(request: Request, signed: Mapping[str, str]) -> str:
    """The request in the one form that both sides sign; `signed` are its headers by name in lower case."""
    pairs = parse_qsl(request.url.raw_query_string, keep_blank_values=True)
    query = "&".join([f"{name}={value}" for name, value in sorted((_encode(n), _encode(v)) for n, v in pairs)])
    names = sorted(signed)
    lines = [f"{name}:{' '.join(signed[name].split())}\n" for name in names]
    body = hashlib.sha256(request.body).hexdigest()
    path = request.url.raw_path or "/"
    return f"{request.method}\n{path}\n{query}\n{''.join(lines)}\n{';'.join(names)}\n{body}"


def _additions(url: URL, stamp: str, credentials: Credentials) -> dict[str, str]:
    token = credentials.session_token
    more = {"X-Amz-Security-Token": token.reveal()} if token else {}
    return {"Host": url.host_port_subcomponent or "", "X-Amz-Date": stamp, **more}


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")


def _token_expired(response: Response) -> bool:
    return response.status in (400, 401, 403) and b"<Code>ExpiredToken" in response.body
