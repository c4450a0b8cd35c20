"""Renews the user's copy of EC2's prices from the files that AWS publishes, for which nobody needs a key.

The files are read while they arrive, and nothing of them is kept but the prices. See `refresh` for what
is in them, and `catalogue` for how the copy and the shipped table go together.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from yarl import URL

from aiocloud.errors import (
    AiocloudError,
    CloudError,
    ConfigurationError,
    MalformedResponseError,
    RequestTimeoutError,
    TransportError,
)
from aiocloud.http.message import Request
from aiocloud.http.together import together
from aiocloud.pricing.catalogue import Catalogue, keep, own, user_folder
from aiocloud.pricing.refresh import Row, catalogue_of, on_demand_linux

if TYPE_CHECKING:
    import aiohttp

ENDPOINT = "https://pricing.us-east-1.amazonaws.com"
INDEX = "/offers/v1.0/aws/AmazonEC2/current/region_index.json"
REGION = re.compile(r"[a-z]{2}(-gov)?-[a-z]+-\d")  # the index names local zones, too
CURRENCY = "USD"

SILENCE = 60.0
"""Seconds without a byte after which a file is given up."""
SENDINGS = 2
"""How often a file is asked for when the network fails; half a file is of no use."""
AT_ONCE = 3
STRIDE = 5000  # lines from one word about the progress to the next

T = TypeVar("T")
Transport: TypeAlias = Callable[[Request], AsyncGenerator[str, None]]
"""Yields the lines of an answer while it arrives, as `AiohttpTransport.lines` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far one region is: the characters of its file that were read, and the prices found in them."""

    region: str
    state: Literal["waiting", "reading", "renewed", "failed"]
    read: int = 0
    prices: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """A region whose prices are now those of the day `as_of`."""

    region: str
    as_of: date
    prices: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """What a refresh did: the user's file, the regions that are new in it, and why others are as they were."""

    file: Path
    renewed: tuple[Renewed, ...] = ()
    failures: Mapping[str, AiocloudError | OSError] = field(default_factory=dict)


async def refresh_ec2(
    regions: Iterable[str] | None = None,
    *,
    folder: Path | None = None,
    endpoint: str = ENDPOINT,
    session: aiohttp.ClientSession | None = None,
    transport: Transport | None = None,
    deadline: float | None = None,
    watch: Callable[[Step], None] = lambda step: None,
) -> Refreshed:
    """Read what EC2 costs in these regions today, or in all, and put it into the user's catalogue in `folder`.

    A region's file has hundreds of MB; a few are read at once. Each region is kept as soon as its file was read to
    the end, and takes the place of nothing before. One that fails is a failure in the report, and leaves what was
    there. `deadline` bounds each region in seconds. `watch` is told how far they are.

    Raises CloudError when the index of the files cannot be read, and ConfigurationError when the user's own file
    cannot, or has prices that do not go together with these.
    """
    folder = folder or user_folder()
    _require_room(folder)
    async with _network(session, transport) as lines:
        files = await _index(lines, endpoint)
        wanted = list(dict.fromkeys(files if regions is None else regions))
        for region in wanted:
            watch(Step(region=region, state="waiting"))
        some = asyncio.Semaphore(AT_ONCE)
        work = [_Work(region, files, folder, lines, deadline, watch) for region in wanted]
        done = await together(*[partial(_one, each, some) for each in work])
    return Refreshed(
        file=folder / "ec2.json",
        renewed=tuple(each for each in done if isinstance(each, Renewed)),
        failures={region: each for region, each in zip(wanted, done, strict=True) if not isinstance(each, Renewed)},
    )


def _require_room(folder: Path) -> None:
    """Raises ConfigurationError, before anything is downloaded, when it could not be kept."""
    mine = own("ec2", folder)
    if mine and (mine.currency, mine.per) != (CURRENCY, "hour"):
        raise ConfigurationError(
            f"{folder / 'ec2.json'} has prices in {mine.currency} per {mine.per}, and AWS's are in {CURRENCY} per "
            "hour. Move it elsewhere"
        )


@asynccontextmanager
async def _network(session: aiohttp.ClientSession | None, transport: Transport | None) -> AsyncIterator[Transport]:
    if transport is not None:
        yield transport
        return
    from aiocloud.http.session import SharedSession
    from aiocloud.http.transport import AiohttpTransport

    shared = SharedSession()
    try:
        yield AiohttpTransport(shared if session is None else lambda: session).lines
    finally:
        await shared.aclose()


# ---- the index


async def _index(lines: Transport, endpoint: str) -> dict[str, URL]:
    """The price file of each region, as CSV."""
    try:
        text = await _repeated(partial(_whole, lines, _get(_at(endpoint, INDEX))))
        told = json.loads(text)["regions"].items()
        files = {name: _file(endpoint, one["currentVersionUrl"]) for name, one in told if REGION.fullmatch(name)}
        if not files:
            raise ValueError("no region")
    except CloudError as error:
        error.provider = "ec2"
        raise
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise MalformedResponseError("the index of the price files is none", provider="ec2") from error
    return files


async def _whole(lines: Transport, request: Request) -> str:
    async with aclosing(lines(request)) as arriving:
        return "\n".join([line async for line in arriving])


def _file(endpoint: str, path: str) -> URL:
    """The CSV file that lies beside a JSON file. Raises ValueError for a path that leads elsewhere."""
    if not re.fullmatch(r"/[\w.-][\w./-]*\.json", path):
        raise ValueError(f"the path {path!r}")
    return _at(endpoint, path.removesuffix("json") + "csv")


def _at(endpoint: str, path: str) -> URL:
    return URL(endpoint.rstrip("/") + path)


def _get(url: URL) -> Request:
    return Request(method="GET", url=url, idempotent=True, operation="GET " + url.path, timeout=SILENCE)


# ---- one region


@dataclass(frozen=True, slots=True)
class _Work:
    region: str
    files: Mapping[str, URL]
    folder: Path
    lines: Transport
    deadline: float | None
    watch: Callable[[Step], None]

    def tell(self, state: Literal["reading", "renewed", "failed"], read: int = 0, prices: int = 0) -> None:
        self.watch(Step(region=self.region, state=state, read=read, prices=prices))


async def _one(work: _Work, some: asyncio.Semaphore) -> Renewed | AiocloudError | OSError:
    """Renew one region; what went wrong with it is a value."""
    try:
        async with some:
            fresh = await _downloaded(work)
            keep(fresh, work.folder)
    except (AiocloudError, OSError) as error:
        if isinstance(error, CloudError):
            error.provider = "ec2"
        work.tell("failed")
        return error
    prices = len(fresh.sizes)
    work.tell("renewed", prices=prices)
    return Renewed(region=work.region, as_of=fresh.as_of, prices=prices)


async def _downloaded(work: _Work) -> Catalogue:
    if work.region not in work.files:
        near = ", ".join(get_close_matches(work.region, work.files)) or "none"
        raise ConfigurationError(f"AWS has no price file of a region {work.region!r}; similar: {near}")
    try:
        async with asyncio.timeout(work.deadline):
            rows = await _repeated(partial(_rows, work))
    except TimeoutError as error:
        raise RequestTimeoutError(f"its price file was not read within {work.deadline:g} s") from error
    return _fresh(work.region, rows, f"AWS's public offer files, {work.files[work.region].host}")


async def _repeated(read: Callable[[], Awaitable[T]]) -> T:
    """What `read` gives, at the last sending where the network fails."""
    for _ in range(SENDINGS - 1):
        try:
            return await read()
        except TransportError as error:
            if not error.retryable:
                raise
    return await read()


async def _rows(work: _Work) -> list[Row]:
    rows: list[Row] = []

    async def watched(arriving: AsyncIterator[str]) -> AsyncIterator[str]:
        read = count = 0
        async for line in arriving:
            if count % STRIDE == 0:
                work.tell("reading", read, len(rows))
            read, count = read + len(line) + 1, count + 1
            yield line

    async with aclosing(work.lines(_get(work.files[work.region]))) as arriving:
        async for row in on_demand_linux(watched(arriving)):
            rows.append(row)  # noqa: PERF401 - `watched` tells how many there are so far
    return rows


def _fresh(region: str, rows: Iterable[Row], source: str) -> Catalogue:
    """The catalogue of one region. Raises MalformedResponseError for a file that cannot be meant."""
    here = [row for row in rows if row.region == region]
    currencies = {row.currency for row in here}
    if not here:
        raise MalformedResponseError("its price file has no price of a plain Linux instance")
    if currencies != {CURRENCY}:
        raise MalformedResponseError(f"its price file is in {', '.join(sorted(currencies))}, and not in {CURRENCY}")
    if here[0].published is None:
        raise MalformedResponseError("its price file does not say of which day it is")
    return catalogue_of(here, source)
