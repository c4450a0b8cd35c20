"""Our signatures against botocore's, on whatever requests there may be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from aiocloud.dialects.ec2 import Credentials, SigV4
from aiocloud.http.message import Request, headers_of
from aiocloud.values import Secret
from tests.interop.conftest import official

auth: Any = official("botocore.auth")
awsrequest: Any = official("botocore.awsrequest")
credentials: Any = official("botocore.credentials")

TEXT = st.text(max_size=12)
PAIRS = st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=6)
WORD = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=", min_size=1, max_size=40)
HEADER = st.text("abc 0;=", max_size=20).map(str.strip)


async def nobody() -> Credentials:
    raise AssertionError("signing asks for no credentials")


def theirs(request: Request, mine: Credentials, region: str, when: datetime) -> str:
    """What botocore signs, given the same date and the same signed headers."""
    token = mine.session_token.reveal() if mine.session_token else None
    known = credentials.Credentials(mine.access_key_id, mine.secret_access_key.reveal(), token)
    headers = {
        name: value
        for name, value in request.headers.items()
        if name.lower() not in ("authorization", "x-amz-date", "x-amz-security-token")
    }
    ask = awsrequest.AWSRequest(method=request.method, url=str(request.url), data=request.body, headers=headers)

    class Dated(auth.SigV4Auth):  # type: ignore[misc]  # botocore is untyped
        def _modify_request_before_signing(self, asked: Any) -> None:
            super()._modify_request_before_signing(asked)
            del asked.headers["X-Amz-Date"]
            asked.headers["X-Amz-Date"] = asked.context["timestamp"] = when.strftime("%Y%m%dT%H%M%SZ")

    signer = Dated(known, "ec2", region)
    ask.context["timestamp"] = when.strftime("%Y%m%dT%H%M%SZ")
    signer._modify_request_before_signing(ask)
    text = signer.string_to_sign(ask, signer.canonical_request(ask))
    signer._inject_signature_to_request(ask, signer.signature(text, ask))
    return str(ask.headers["Authorization"])


@given(
    method=st.sampled_from(["GET", "POST"]),
    query=PAIRS,
    body=st.binary(max_size=64),
    secret=WORD,
    token=st.none() | WORD,
    kind=HEADER,
    host=st.sampled_from(["ec2.eu-west-1.amazonaws.com", "127.0.0.1:5000", "cloud.test:443", "[2001:db8::1]:8773"]),
    when=st.datetimes(datetime(2010, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
)
def test_the_signature_is_the_one_that_botocore_writes(
    method: str,
    query: list[tuple[str, str]],
    body: bytes,
    secret: str,
    token: str | None,
    kind: str,
    host: str,
    when: datetime,
) -> None:
    asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    url = URL(f"https://{host}/" + f"?{asked}" * bool(asked), encoded=True)
    mine = Credentials("AKIAAIOCLOUDTEST0001", Secret(secret), Secret(token) if token else None)
    request = Request(method=method, url=url, headers=headers_of({"Content-Type": kind}), body=body)
    signed = SigV4(nobody, region="eu-west-1", now=lambda: when).sign(request, mine)
    assert signed.headers["Authorization"] == theirs(signed, mine, "eu-west-1", when)
