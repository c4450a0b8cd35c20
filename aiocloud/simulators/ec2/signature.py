"""Signature version 4, as the server checks it."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import parse_qsl, quote

from aiocloud.http.message import Request
from aiocloud.simulators.ec2.wire import Refusal

SKEW = timedelta(minutes=5)
ALGORITHM = "AWS4-HMAC-SHA256"
AUTHORIZATION = re.compile(
    rf"{ALGORITHM}\s+Credential=(?P<key>[^/]+)/(?P<day>\d{{8}})/(?P<region>[^/]+)/(?P<service>[^/]+)"
    r"/aws4_request\s*,\s*SignedHeaders=(?P<headers>[^,\s]+)\s*,\s*Signature=(?P<signature>[0-9a-f]{64})\s*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """What the header of that name says."""

    key: str
    day: str
    region: str
    service: str
    headers: str
    signature: str

    @property
    def scope(self) -> str:
        """The day, region and service for which the signature is good."""
        return f"{self.day}/{self.region}/{self.service}/aws4_request"


def verify(request: Request, secrets: Mapping[str, str], now: datetime, service: str = "ec2") -> str:
    """The region for which the request is signed. Raises Refusal when the signature is not good.

    `secrets` are the secret access keys by access key id; the signature's clock may differ from `now` by
    five minutes.
    """
    said = _authorization(request)
    stamp = _stamp(request, now)
    secret = secrets.get(said.key)
    if secret is None or said.service != service or not stamp.startswith(said.day):
        raise not_valid()
    expected = signature_of(request, said, stamp, secret)
    if not hmac.compare_digest(expected, said.signature):
        raise not_valid()
    return said.region


def signature_of(request: Request, said: Authorization, stamp: str, secret: str) -> str:
    """The signature that the owner of `secret` would have written."""
    digest = hashlib.sha256(canonical(request, said.headers).encode()).hexdigest()
    text = f"{ALGORITHM}\n{stamp}\n{said.scope}\n{digest}"
    return hmac.digest(_key(secret, said.scope), text.encode(), "sha256").hex()


@lru_cache(maxsize=64)
def _key(secret: str, scope: str) -> bytes:
    """The key for a day, region and service, which every request of that day needs."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def canonical(request: Request, names: str) -> str:
    """The request in the one form that both sides sign; `names` are the signed headers, joined by ";"."""
    pairs = parse_qsl(request.url.raw_query_string, keep_blank_values=True)
    query = "&".join(sorted(f"{_encode(name)}={_encode(value)}" for name, value in pairs))
    headers = "".join(f"{name}:{_header(request, name)}\n" for name in names.split(";"))
    body = hashlib.sha256(request.body).hexdigest()
    return f"{request.method}\n{request.url.raw_path or '/'}\n{query}\n{headers}\n{names}\n{body}"


def not_valid() -> Refusal:
    """EC2 says the same whether the key is unknown or the secret wrong."""
    return Refusal("AuthFailure", "AWS was not able to validate the provided access credentials", 401)


def _authorization(request: Request) -> Authorization:
    header = request.headers.get("Authorization")
    if not header:
        raise Refusal("MissingAuthenticationToken", "The request must contain valid credentials", 403)
    match = AUTHORIZATION.fullmatch(header)
    if match is None:
        raise Refusal("IncompleteSignature", "The Authorization header does not conform to AWS standards")
    said = Authorization(**match.groupdict())
    _check_signed(request, set(said.headers.split(";")))
    return said


def _check_signed(request: Request, signed: set[str]) -> None:
    sent = {name.lower() for name in request.headers}
    needed = {"host"} | {name for name in sent if name.startswith("x-amz-")}
    if needed - signed:
        raise Refusal("SignatureDoesNotMatch", "'Host' and every x-amz header must be signed", 403)


def _stamp(request: Request, now: datetime) -> str:
    stamp = request.headers.get("X-Amz-Date", "")
    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Refusal("IncompleteSignature", "X-Amz-Date must be a date in ISO 8601 basic format") from None
    if abs(now - signed_at) > SKEW:
        raise Refusal("RequestExpired", "Request has expired.")
    return stamp


def _header(request: Request, name: str) -> str:
    values = request.headers.getall(name, [])
    if name == "host" and not values:
        values = [request.url.host_port_subcomponent or ""]
    return ",".join(" ".join(value.split()) for value in values)


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")
