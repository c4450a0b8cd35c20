"""Signature version 4 against what Amazon has published.

The keys `AKIDEXAMPLE` and the date 20150830T123600Z are those of Amazon's test suite (aws-sig-v4-test-suite:
get-vanilla, get-vanilla-empty-query-key, get-vanilla-query-unreserved, post-vanilla, post-x-www-form-urlencoded),
and of the example in its guide (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from yarl import URL

from aiocloud.dialects.ec2 import Credentials, SigV4
from aiocloud.dialects.ec2.sigv4 import signing_key
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.values import Secret

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
EXAMPLE = Credentials("AKIDEXAMPLE", Secret(SECRET))
WHEN = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def example() -> Credentials:
    return EXAMPLE


def signed(request: Request, *, service: str = "service", region: str = "us-east-1") -> str:
    signer = SigV4(example, region=region, service=service, now=lambda: WHEN)
    return signer.sign(request, EXAMPLE).headers["Authorization"]


@pytest.mark.parametrize(
    ("method", "query", "headers", "body", "signature"),
    [
        ("GET", "", {}, b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("GET", "?Param1=value1", {}, b"", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
        (
            "GET",
            f"?{UNRESERVED}={UNRESERVED}",
            {},
            b"",
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
        ("POST", "", {}, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ("POST", "", FORM, b"Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
    ],
)
def test_requests_are_signed_as_in_amazons_test_suite(
    method: str, query: str, headers: dict[str, str], body: bytes, signature: str
) -> None:
    url = URL(f"https://example.amazonaws.com/{query}", encoded=True)
    header = signed(Request(method=method, url=url, headers=headers_of(headers), body=body))
    names = "content-type;host;x-amz-date" if headers else "host;x-amz-date"
    assert header == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


def test_the_example_of_the_guide_has_the_guides_signature() -> None:
    headers = headers_of({"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
    url = URL("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08")
    header = signed(Request(method="GET", url=url, headers=headers), service="iam")
    assert header.endswith("Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")


def test_the_key_of_the_day_is_that_of_the_guide() -> None:
    key = signing_key(SECRET, "20150830", "us-east-1", "iam")
    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"


class Server:
    """Keeps what it is sent, and says of the first `refusals` that their token has expired."""

    def __init__(self, refusals: int = 0) -> None:
        self.sent: list[Request] = []
        self.refusals = refusals

    async def __call__(self, request: Request) -> Response:
        self.sent.append(request)
        if len(self.sent) <= self.refusals:
            return Response(
                status=400, body=b"<Response><Errors><Error><Code>ExpiredToken</Code></Error></Errors></Response>"
            )
        return Response(status=200)


QUESTION = Request(method="POST", url=URL("http://cloud.test:8773/"), headers=headers_of(FORM), body=b"Action=x")


async def test_each_attempt_has_its_own_date_and_the_port_is_part_of_the_host() -> None:
    clock = iter([WHEN, WHEN + timedelta(days=1), WHEN + timedelta(days=1)])
    signer, server = SigV4(example, region="us-east-1", now=lambda: next(clock)), Server()
    for _ in range(3):
        await signer(QUESTION, server)
    dates = [request.headers["X-Amz-Date"] for request in server.sent]
    assert dates == ["20150830T123600Z", "20150831T123600Z", "20150831T123600Z"]
    assert "/20150831/us-east-1/ec2/" in server.sent[1].headers["Authorization"]
    assert server.sent[1].headers["Authorization"] == server.sent[2].headers["Authorization"]
    assert server.sent[0].headers["Host"] == "cloud.test:8773"
    fresh = SigV4(example, region="us-east-1", now=lambda: WHEN + timedelta(days=1)).sign(QUESTION, EXAMPLE)
    assert server.sent[1].headers["Authorization"] == fresh.headers["Authorization"]


async def test_a_session_token_is_sent_and_signed() -> None:
    async def temporary() -> Credentials:
        return Credentials("ASIAEXAMPLE", Secret(SECRET), Secret("a-session-token"))

    server = Server()
    await SigV4(temporary, region="us-east-1", now=lambda: WHEN)(QUESTION, server)
    (sent,) = server.sent
    assert sent.headers["X-Amz-Security-Token"] == "a-session-token"
    assert "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token," in sent.headers["Authorization"]


async def test_a_token_that_has_expired_is_replaced_once() -> None:
    told: list[Credentials] = []
    server = Server(refusals=2)

    def expired(credentials: Credentials) -> bool:
        told.append(credentials)
        return True

    response = await SigV4(example, region="us-east-1", now=lambda: WHEN, expired=expired)(QUESTION, server)
    assert response.status == 400
    assert (len(told), len(server.sent)) == (1, 2)


def test_credentials_do_not_show_their_secrets() -> None:
    text = repr(Credentials("AKIDEXAMPLE", Secret(SECRET), Secret("a-session-token")))
    assert SECRET not in text
    assert "a-session-token" not in text
