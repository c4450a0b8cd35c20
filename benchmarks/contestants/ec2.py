"""List the instances of a region of EC2."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmarks.cloud.worlds import Seen, World

if TYPE_CHECKING:
    from aiocloud.providers.ec2 import EC2

KEY = ("AKIAIOSFODNN7EXAMPLE", "quay-secret")
AWS_KEY = {"aws_access_key_id": KEY[0], "aws_secret_access_key": KEY[1]}
REGION = "eu-west-1"
PAGE = 1000

Listing: TypeAlias = AsyncIterator[Callable[[], Awaitable[Any]]]


@asynccontextmanager
async def aiocloud(*, port: int, **world: Any) -> Listing:
    async with _driver(port) as driver:

        async def nodes() -> Any:
            return await driver.list_nodes()

        yield nodes


@asynccontextmanager
async def aiocloud_iterated(*, port: int, **world: Any) -> Listing:
    """Node by node, none of which is kept: each is judged where it comes."""
    truth = World(**world).truth()
    async with _driver(port) as driver:

        async def nodes() -> Seen:
            right = 0
            async for node in driver.list_nodes():
                right += (node.id, node.state) == truth[right]
            return truth[:right]

        yield nodes


@asynccontextmanager
async def aiocloud_extras(*, port: int, **world: Any) -> Listing:
    """Whoever wants all that the provider tells of each."""
    async with _driver(port) as driver:

        async def nodes() -> Any:
            found = await driver.list_nodes()
            assert all(node.extra["instanceType"] == node.size for node in found)
            return found

        yield nodes


@asynccontextmanager
async def libcloud(*, port: int, **world: Any) -> Listing:
    """It asks for no size of page, and would not follow to a second one."""
    from libcloud.compute.drivers.ec2 import EC2NodeDriver

    driver = EC2NodeDriver(*KEY, region=REGION, host="127.0.0.1", port=port, secure=False)

    async def nodes() -> Any:
        return driver.list_nodes()

    yield nodes


@asynccontextmanager
async def boto3(*, port: int, **world: Any) -> Listing:
    import boto3

    client = boto3.client("ec2", region_name=REGION, endpoint_url=f"http://127.0.0.1:{port}", **AWS_KEY)
    paginator = client.get_paginator("describe_instances")

    async def nodes() -> Any:
        pages = paginator.paginate(PaginationConfig={"PageSize": PAGE})
        return [each for page in pages for group in page["Reservations"] for each in group["Instances"]]

    yield nodes


@asynccontextmanager
async def aiobotocore(*, port: int, **world: Any) -> Listing:
    from aiobotocore.session import get_session

    where = {"region_name": REGION, "endpoint_url": f"http://127.0.0.1:{port}"}
    async with get_session().create_client("ec2", **where, **AWS_KEY) as client:
        paginator = client.get_paginator("describe_instances")

        async def nodes() -> Any:
            pages = paginator.paginate(PaginationConfig={"PageSize": PAGE})
            return [each async for page in pages for group in page["Reservations"] for each in group["Instances"]]

        yield nodes


@asynccontextmanager
async def aiohttp(*, port: int, **world: Any) -> Listing:
    """The limit: the pages' bytes are fetched and dropped, of which only the way to the next page is read."""
    import re

    import aiohttp

    token = re.compile(rb"<nextToken>(\d+)</nextToken>")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def nodes() -> Any:
            form, size = {"Action": "DescribeInstances", "MaxResults": str(PAGE)}, 0
            while True:
                async with session.post(f"http://127.0.0.1:{port}/", data=form) as answer:
                    page = await answer.read()
                size += len(page)
                found = token.search(page, len(page) - 200)
                if found is None:
                    return size
                form["NextToken"] = found[1].decode()

        yield nodes


def check(outcome: Any, *, port: int, **world: Any) -> None:
    truth = World(**world)
    if isinstance(outcome, int):
        assert outcome == _size(truth), "bytes are missing"
    else:
        assert [_seen(each) for each in outcome] == truth.truth(), "these are not the nodes"


def _driver(port: int) -> EC2:
    from aiocloud.providers.ec2 import EC2

    return EC2(*KEY, region=REGION, endpoint=f"http://127.0.0.1:{port}")


def _seen(node: Any) -> tuple[str, str]:
    """The id and the state, from whatever is a node to its client."""
    match node:
        case (str(node_id), str(state)):
            return node_id, state
        case {"InstanceId": node_id, "State": {"Name": state}}:
            return node_id, state
    return node.id, str(node.state)


def _size(world: World) -> int:
    """How many bytes all pages have, as they were made."""
    said = world.answers()
    pages = (
        said("/", f"Action=DescribeInstances&MaxResults={PAGE}&NextToken={begin}")
        for begin in range(0, world.nodes, PAGE)
    )
    return sum(len(page.partition(b"\r\n\r\n")[2]) for page in pages)
