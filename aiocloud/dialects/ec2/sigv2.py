"""Signature version 2, which private clouds speak beside version 4, or in place of it.

Amazon's own documentation of it is gone from its site, and kept at
https://docs.aws.amazon.com/general/latest/gr/signature-version-2.html in copies.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

from aiocloud.dialects.ec2.sigv4 import Credentials
from aiocloud.http.message import Handler, Request, Response


class SigV2:
    """A layer that signs the form of each attempt afresh: a server may refuse a signature that it has seen before."""

    def __init__(self, credentials: Callable[[], Awaitable[Credentials]], *, now: Callable[[], datetime]) -> None:
        self._credentials = credentials
        self._now = now

    async def __call__(self, request: Request, send: Handler) -> Response:
        """Sign and send."""
        return await send(self.sign(request, await self._credentials()))

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """The request with its date and signature among the parameters of its form."""
        pairs = {
            **dict(parse_qsl(request.body.decode(), keep_blank_values=True)),
            "AWSAccessKeyId": credentials.access_key_id,
            "SignatureMethod": "HmacSHA256",
            "SignatureVersion": "2",
            "Timestamp": self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        form = canonical_form(pairs)
        text = text_to_sign(request.method, request.url.host_port_subcomponent or "", request.url.raw_path, form)
        secret = credentials.secret_access_key.reveal().encode()
        signature = base64.b64encode(hmac.digest(secret, text.encode(), "sha256")).decode()
        return replace(request, body=f"{form}&Signature={_encode(signature)}".encode())


def canonical_form(pairs: dict[str, str]) -> str:
    """The parameters in the one form that both sides sign: encoded, in the order of their bytes."""
    return "&".join(f"{_encode(name)}={_encode(value)}" for name, value in sorted(pairs.items()))


def text_to_sign(method: str, host: str, path: str, form: str) -> str:
    """What the signature is made of."""
    return f"{method}\n{host.lower()}\n{path or '/'}\n{form}"


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")
