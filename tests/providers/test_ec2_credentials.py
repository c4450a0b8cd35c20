"""Where the EC2 driver finds an access key, and how it keeps one that ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aiocloud.accounts import Environment
from aiocloud.errors import CloudError, ConfigurationError, ConnectError, InvalidCredsError, RequestTimeoutError
from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.providers.ec2 import EC2
from aiocloud.values import Secret

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY = {"AWS_ACCESS_KEY_ID": "AKIAVARIABLES0000001", "AWS_SECRET_ACCESS_KEY": "secret-of-the-variables"}
ROLES = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"


class World:
    """The API, a metadata service and a container's endpoint, on one clock.

    `role` is that of the instance; None where the metadata service does not answer. Keys are good for six hours.
    """

    def __init__(self, *, role: str | None = None, container: bool = False, slow: float = 0.0) -> None:
        self.now = NOON
        self.role = role
        self.container = container
        self.slow = slow
        self.asked: list[Request] = []
        self.signed: list[Request] = []

    def clock(self) -> datetime:
        return self.now

    async def __call__(self, request: Request) -> Response:
        if request.url.host == "ec2.eu-west-1.amazonaws.com":
            self.signed.append(request)
            return Response(status=200, body=f"<{request.operation}Response/>".encode())
        self.asked.append(request)
        await asyncio.sleep(self.slow)
        return self.metadata(request)

    def metadata(self, request: Request) -> Response:
        url = str(request.url)
        if self.container and request.url.host in ("169.254.170.2", "tasks.test"):
            return Response(status=200, body=self.key("CONTAINER"))
        if self.role is None:
            raise RequestTimeoutError("no answer")
        if url.endswith("/latest/api/token"):
            assert request.method == "PUT"
            assert request.headers["X-aws-ec2-metadata-token-ttl-seconds"] == "21600"
            return Response(status=200, body=b"a-metadata-token")
        assert request.headers["X-aws-ec2-metadata-token"] == "a-metadata-token"
        if url == ROLES:
            return Response(status=200 if self.role else 404, body=self.role.encode())
        assert url == ROLES + self.role
        return Response(status=200, body=self.key("INSTANCE"))

    def key(self, kind: str) -> bytes:
        number = len(self.asked)
        ends = (self.now + timedelta(hours=6)).isoformat()
        said = {"Code": "Success", "AccessKeyId": f"ASIA{kind}{number}", "Expiration": ends}
        return json.dumps({**said, "SecretAccessKey": f"secret-{number}", "Token": f"token-{number}"}).encode()

    def keys(self) -> list[str]:
        """The ids of the keys that signed, in order."""
        return [sent.headers["Authorization"].partition("Credential=")[2].partition("/")[0] for sent in self.signed]


def environment(home: Path, **variables: str) -> Environment:
    return Environment(variables, home, home / "aiocloud")


def write(home: Path, name: str, text: str) -> None:
    (home / ".aws").mkdir(exist_ok=True)
    (home / ".aws" / name).write_text(text, "utf-8")


def driver(world: World, around: Environment, **options: Any) -> EC2:
    quick = {"retry": Retry(attempts=1), "region": "eu-west-1"}
    return EC2(environment=around, transport=world, now=world.clock, **{**quick, **options})


PROFILES = """
[default]
aws_access_key_id = AKIADEFAULT000000001
aws_secret_access_key = secret-of-the-default

[work]
aws_access_key_id = AKIAWORK000000000001
aws_secret_access_key = secret%of-the-work
aws_session_token = token-of-the-work
"""
CONFIG = """
[default]
region = eu-north-1
s3 =
  max_concurrent_requests = 20

[profile work]
region = eu-central-1

[profile in config]
aws_access_key_id = AKIACONFIG0000000001
aws_secret_access_key = secret-of-the-config

[profile sso]
sso_session = office

[profile role]
role_arn = arn:aws:iam::111122223333:role/harbourmaster
source_profile = work

[sso-session office]
sso_region = eu-west-1
"""


# ---- which one is taken ----


async def used(world: World, around: Environment, **options: Any) -> str:
    await driver(world, around, **options).list_nodes()
    return world.keys()[0]


async def test_the_first_place_that_has_a_key_is_taken(tmp_path: Path) -> None:
    container = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials"}
    assert await used(World(role="web"), environment(tmp_path)) == "ASIAINSTANCE3"
    assert await used(World(role="web", container=True), environment(tmp_path, **container)) == "ASIACONTAINER1"
    write(tmp_path, "credentials", PROFILES)
    world = World(role="web", container=True)
    assert await used(world, environment(tmp_path, **container)) == "AKIADEFAULT000000001"
    assert await used(World(), environment(tmp_path, AWS_PROFILE="work")) == "AKIAWORK000000000001"
    assert await used(World(), environment(tmp_path, **KEY, AWS_PROFILE="work")) == "AKIAVARIABLES0000001"
    assert await used(World(), environment(tmp_path, **KEY), profile="work") == "AKIAWORK000000000001"
    assert world.asked == []


async def test_what_is_given_is_taken_and_nothing_is_read(tmp_path: Path) -> None:
    write(tmp_path, "credentials", "no profile at all")
    world = World()
    ec2 = driver(world, environment(tmp_path, **KEY), access_key_id="AKIAGIVEN", secret_access_key=Secret("given"))
    await ec2.list_nodes()
    assert world.keys() == ["AKIAGIVEN"]


async def test_a_session_token_of_a_profile_is_sent(tmp_path: Path) -> None:
    write(tmp_path, "credentials", PROFILES)
    world = World()
    await driver(world, environment(tmp_path), profile="work").list_nodes()
    assert world.signed[0].headers["X-Amz-Security-Token"] == "token-of-the-work"


async def test_the_files_may_be_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(PROFILES, "utf-8")
    around = environment(tmp_path, AWS_SHARED_CREDENTIALS_FILE="~/keys")
    assert await used(World(), around) == "AKIADEFAULT000000001"


@pytest.mark.parametrize(
    ("variables", "options", "region"),
    [
        ({}, {}, "eu-north-1"),
        ({"AWS_PROFILE": "work"}, {}, "eu-central-1"),
        ({"AWS_PROFILE": "work", "AWS_DEFAULT_REGION": "sa-east-1"}, {}, "sa-east-1"),
        ({"AWS_DEFAULT_REGION": "sa-east-1", "AWS_REGION": "ap-south-1"}, {}, "ap-south-1"),
        ({"AWS_REGION": "ap-south-1"}, {"profile": "work"}, "eu-central-1"),
        ({"AWS_REGION": "ap-south-1"}, {"region": "eu-west-2"}, "eu-west-2"),
    ],
)
async def test_the_region_is_that_of_the_environment(
    tmp_path: Path, variables: dict[str, str], options: dict[str, Any], region: str
) -> None:
    write(tmp_path, "credentials", PROFILES)
    write(tmp_path, "config", CONFIG)
    hosts: list[str | None] = []

    async def wire(request: Request) -> Response:
        hosts.append(request.url.host)
        return Response(status=200, body=b"<DescribeInstancesResponse/>")

    await EC2(environment=environment(tmp_path, **variables), transport=wire, **options).list_nodes()
    assert hosts == [f"ec2.{region}.amazonaws.com"]


# ---- what is said when there is none ----


@pytest.mark.parametrize("variables", [{}, {"AWS_EC2_METADATA_DISABLED": "true"}])
async def test_without_a_key_the_error_says_what_to_set(tmp_path: Path, variables: dict[str, str]) -> None:
    world = World()
    with pytest.raises(InvalidCredsError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") as caught:
        await driver(world, environment(tmp_path, **variables), account="prod").list_nodes()
    assert (caught.value.provider, caught.value.account, caught.value.sent) == ("ec2", "prod", False)
    assert len(world.asked) == (0 if variables else 1)


async def test_an_instance_without_a_role_has_no_key(tmp_path: Path) -> None:
    with pytest.raises(InvalidCredsError, match="no AWS credentials were found"):
        await driver(World(role=""), environment(tmp_path)).list_nodes()


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        ("nobody", "no AWS profile 'nobody'; there are: default, work, in config, sso, role"),
        ("sso", "'sso' relies on sso_session"),
        ("role", "'role' relies on role_arn"),
    ],
)
def test_a_profile_that_is_no_good_is_refused_at_once(tmp_path: Path, profile: str, why: str) -> None:
    write(tmp_path, "credentials", PROFILES)
    write(tmp_path, "config", CONFIG)
    with pytest.raises(ConfigurationError, match=why):
        driver(World(), environment(tmp_path), profile=profile)


def test_a_file_that_cannot_be_read_is_named_and_not_quoted(tmp_path: Path) -> None:
    write(tmp_path, "credentials", "aws_secret_access_key = secret-without-a-profile")
    with pytest.raises(ConfigurationError, match=r"\.aws/credentials cannot be read") as caught:
        list(EC2.accounts(environment(tmp_path)))
    assert "secret-without" not in f"{caught.value}"
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None  # the parser's own error quotes the line


@pytest.mark.parametrize(
    ("given", "why"),
    [({"access_key_id": "AKIA"}, "needs `secret_access_key`"), ({"secret_access_key": "x"}, "needs `access_key_id`")],
)
def test_half_a_key_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        EC2(**given)


# ---- keys that end ----


async def test_a_key_is_renewed_before_it_ends(tmp_path: Path) -> None:
    world = World(role="web")
    ec2 = driver(world, environment(tmp_path))
    for hours in (0, 5, 0.99):
        world.now += timedelta(hours=hours)
        await ec2.list_nodes()
    assert world.keys() == ["ASIAINSTANCE3", "ASIAINSTANCE3", "ASIAINSTANCE6"]
    assert [sent.headers["X-Amz-Security-Token"] for sent in world.signed] == ["token-3", "token-3", "token-6"]


async def test_however_many_wait_one_asks(tmp_path: Path) -> None:
    world = World(role="web", slow=0.01)
    ec2 = driver(world, environment(tmp_path))
    await asyncio.gather(*[ec2.list_nodes() for _ in range(20)])
    assert len(world.asked) == 3
    assert set(world.keys()) == {"ASIAINSTANCE3"}


async def test_cancelling_the_one_who_asks_leaves_the_others_a_search_of_their_own(tmp_path: Path) -> None:
    world = World(role="web", slow=0.01)
    ec2 = driver(world, environment(tmp_path))
    first, *others = [asyncio.ensure_future(ec2.list_nodes()) for _ in range(3)]
    await asyncio.sleep(0.005)
    first.cancel()
    await asyncio.gather(*others)
    assert len(world.signed) == 2
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_token_that_the_server_calls_expired_is_replaced(tmp_path: Path) -> None:
    world = World(role="web")

    async def strict(request: Request) -> Response:
        answer = await world(request)
        if world.keys() == ["ASIAINSTANCE3"]:
            body = b"<Response><Errors><Error><Code>ExpiredToken</Code></Error></Errors></Response>"
            return Response(status=400, body=body) if world.signed[-1] is request else answer
        return answer

    ec2 = EC2(environment=environment(tmp_path), transport=strict, now=world.clock, region="eu-west-1")
    assert await ec2.list_nodes() == []
    assert world.keys() == ["ASIAINSTANCE3", "ASIAINSTANCE6"]


async def test_secrets_that_were_found_are_seen_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    world = World(role="web")

    async def tattler(request: Request) -> Response:
        if request.url.host != "169.254.169.254":
            return Response(
                status=400,
                body=b"<Response><Errors><Error><Message>secret-3 token-3</Message></Error></Errors></Response>",
            )
        return await world(request)

    ec2 = EC2(environment=environment(tmp_path), transport=tattler, now=world.clock, retry=Retry(attempts=1))
    with pytest.raises(CloudError, match=r"\*\*\* \*\*\*") as caught:
        await ec2.list_nodes()
    seen = f"{caught.value} {caught.value!r} {caplog.text} {vars(ec2)}"
    assert "secret-3" not in seen
    assert "token-3" not in seen


# ---- containers ----


async def test_a_container_shows_its_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-container-token\n", "utf-8")
    around = environment(
        tmp_path,
        AWS_CONTAINER_CREDENTIALS_FULL_URI="https://tasks.test/key",
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(tmp_path / "token"),
    )
    world = World(container=True)
    assert await used(world, around) == "ASIACONTAINER1"
    assert world.asked[0].headers["Authorization"] == "a-container-token"


async def test_a_key_is_not_fetched_from_afar_without_encryption(tmp_path: Path) -> None:
    world = World(container=True)
    around = environment(tmp_path, AWS_CONTAINER_CREDENTIALS_FULL_URI="http://tasks.test/key")
    with pytest.raises(ConfigurationError, match=r"leads to tasks\.test, without HTTPS"):
        await driver(world, around).list_nodes()
    assert world.asked == []


@pytest.mark.parametrize(
    ("status", "body"), [(500, b""), (200, b"<html>"), (200, b'{"AccessKeyId": "ASIA"}'), (200, b"[]")]
)
async def test_a_container_that_gives_no_key_is_an_error(tmp_path: Path, status: int, body: bytes) -> None:
    async def broken(request: Request) -> Response:
        return Response(status=status, body=body)

    around = environment(tmp_path, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="/v2/credentials")
    ec2 = EC2(environment=around, transport=broken, retry=Retry(attempts=1))
    with pytest.raises(InvalidCredsError, match=rf"169\.254\.170\.2 gave no credentials \(HTTP {status}\)"):
        await ec2.list_nodes()


async def test_a_container_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    async def nobody(request: Request) -> Response:
        raise ConnectError("connection refused")

    around = environment(tmp_path, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="/v2/credentials")
    with pytest.raises(ConnectError, match="connection refused"):
        await EC2(environment=around, transport=nobody, retry=Retry(attempts=1)).list_nodes()


def test_the_proxy_has_no_business_with_the_metadata_service(tmp_path: Path) -> None:
    from aiocloud.http.transport import AiohttpTransport

    ec2 = EC2(environment=environment(tmp_path), proxy="http://proxy.test:3128")
    direct = ec2._direct()
    assert isinstance(direct, AiohttpTransport)
    assert direct is not ec2.transport
    assert (direct._proxy, ec2.transport._proxy) == (None, "http://proxy.test:3128")  # type: ignore[attr-defined]  # it is one too


# ---- accounts ----


def found(accounts: Iterable[Any]) -> list[tuple[str, str, str]]:
    return [(each.name, each.options["access_key_id"], each.options["region"]) for each in accounts]


def test_accounts_are_the_variables_and_each_profile_with_a_key(tmp_path: Path) -> None:
    write(tmp_path, "credentials", PROFILES)
    write(tmp_path, "config", CONFIG)
    accounts = list(EC2.accounts(environment(tmp_path, **KEY)))
    assert found(accounts) == [
        ("environment", "AKIAVARIABLES0000001", "eu-north-1"),
        ("default", "AKIADEFAULT000000001", "eu-north-1"),
        ("work", "AKIAWORK000000000001", "eu-central-1"),
        ("in config", "AKIACONFIG0000000001", "all"),
    ]
    assert accounts[2].options["secret_access_key"] == Secret("secret%of-the-work")
    assert accounts[2].options["session_token"] == Secret("token-of-the-work")
    assert "secret" not in repr(accounts)
    assert [EC2(**account.options).region for account in accounts][:2] == ["eu-north-1", "eu-north-1"]


def test_a_key_that_is_in_the_variables_and_in_a_profile_is_one_account(tmp_path: Path) -> None:
    write(tmp_path, "credentials", PROFILES)
    same = {"AWS_ACCESS_KEY_ID": "AKIADEFAULT000000001", "AWS_SECRET_ACCESS_KEY": "secret-of-the-default"}
    assert [name for name, *_ in found(EC2.accounts(environment(tmp_path, **same)))] == ["environment", "work"]


def test_where_nothing_is_there_are_no_accounts(tmp_path: Path) -> None:
    assert list(EC2.accounts(environment(tmp_path))) == []
