"""Prices that are fetched anew, from a host of price files that is served on loopback."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from aiocloud.errors import (
    AiocloudError,
    AnswerLostError,
    ConfigurationError,
    MalformedResponseError,
    NotFoundError,
    RequestTimeoutError,
)
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.pricing.catalogue import SHIPPED, CatalogueSize, Origin, dump, load, own
from aiocloud.pricing.fetch import INDEX, Step, refresh_ec2
from aiocloud.simulators.server import serve
from tests.pricing.test_catalogue import a_catalogue, dollars
from tests.pricing.test_refresh import a_file, a_row

SHIPPED_DAY, DAY = date(2025, 3, 2), date(2026, 3, 5)
IRELAND, OHIO = "eu-west-1", "us-east-2"


def price_file(region: str, **prices: str) -> bytes:
    """A region's CSV with these prices, and rows that are none."""
    rows = [
        a_row(Region_Code=region, Instance_Type=name.replace("_", "."), PricePerUnit=price)
        for name, price in prices.items()
    ]
    awkward = [
        a_row(Region_Code=region, TermType="Reserved", PricePerUnit="0.001"),
        a_row(Region_Code=region, Tenancy="Dedicated", PricePerUnit="0.002"),
        a_row(Region_Code=region, Operating_System="Windows", PricePerUnit="0.003"),
        a_row(Region_Code="eu-west-9", Instance_Type="x9.huge", PricePerUnit="9"),  # of another region
        a_row(Region_Code=region, PriceDescription='say "OnDemand",\nor not', Tenancy="Host"),
    ]
    return "\r\n".join(a_file([*awkward, *rows])).encode()


def path_of(region: str) -> str:
    return f"/offers/v1.0/aws/AmazonEC2/20260305205955/{region}/index.csv"


def index(*regions: str) -> bytes:
    paths = {
        region: {"regionCode": region, "currentVersionUrl": path_of(region).replace(".csv", ".json")}
        for region in regions
    }
    return json.dumps({"formatVersion": "v1.0", "regions": paths}).encode()


class PriceHost:
    """A host of price files. What lies at a path is a body, or a whole answer."""

    def __init__(self, *regions: str, **files: bytes | Response) -> None:
        self.files: dict[str, bytes | Response] = {
            INDEX: index(*regions, "us-west-2-lax-1"),
            **{path_of(name.replace("_", "-")): file for name, file in files.items()},
        }
        self.asked: list[str] = []

    async def __call__(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        file = self.files.get(request.url.path, Response(status=404, body=b"<Error>NoSuchKey</Error>"))
        return file if isinstance(file, Response) else Response(status=200, body=file)


GOOD = price_file(IRELAND, t4g_medium="0.0368", m5_large="0.107")


async def test_two_regions_are_renewed_and_all_others_stay_as_old_as_they_are(tmp_path: Path) -> None:
    host = PriceHost(IRELAND, OHIO, eu_west_1=GOOD, us_east_2=price_file(OHIO, t4g_medium="0.0336"))
    async with serve(host) as base:
        report = await refresh_ec2(folder=tmp_path / "new", endpoint=str(base))
    assert [(each.region, each.as_of, each.prices) for each in report.renewed] == [(IRELAND, DAY, 2), (OHIO, DAY, 1)]
    assert report.failures == {}
    assert report.file == tmp_path / "new" / "ec2.json"
    known = load("ec2", folder=tmp_path / "new")
    assert [known.origin(region).as_of for region in (IRELAND, OHIO, "us-east-1")] == [DAY, DAY, SHIPPED_DAY]
    assert known.origin(IRELAND).source == "AWS's public offer files, 127.0.0.1"
    ireland, virginia = known.price("t4g.medium", IRELAND), known.price("t4g.nano", "us-east-1")
    assert ireland is not None
    assert virginia is not None
    assert (ireland.amount, ireland.as_of) == (Decimal("0.0368"), DAY)
    assert virginia.as_of == SHIPPED_DAY
    assert {size.id for size in known.in_region(IRELAND)} == {"t4g.medium", "m5.large"}
    assert "eu-west-9" not in known.regions


async def test_only_the_regions_that_were_asked_for_are_downloaded(tmp_path: Path) -> None:
    host = PriceHost(IRELAND, OHIO, eu_west_1=gzipped(GOOD))
    async with serve(host) as base:
        await refresh_ec2([IRELAND, IRELAND], folder=tmp_path, endpoint=f"{base}/")
    assert host.asked == [INDEX, path_of(IRELAND)]
    mine = own("ec2", tmp_path)
    assert mine is not None
    assert mine.regions == (IRELAND,)


def gzipped(body: bytes) -> Response:
    return Response(status=200, body=gzip.compress(body), headers=headers_of({"Content-Encoding": "gzip"}))


async def test_a_path_before_the_files_is_kept_for_mirrors(tmp_path: Path) -> None:
    host = PriceHost(IRELAND, eu_west_1=GOOD)
    host.files = {f"/mirror{path}": file for path, file in host.files.items()}
    async with serve(host) as base:
        report = await refresh_ec2(folder=tmp_path, endpoint=f"{base}/mirror/".replace("//mirror", "/mirror"))
    assert len(report.renewed) == 1


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


BAD: Mapping[str, tuple[bytes | Response, type[Exception], str]] = {
    "404": (Response(status=404), NotFoundError, "HTTP 404"),
    "a page": (b"<html><title>Sign in</title>\n<p>here</html>\n", MalformedResponseError, "no line of column names"),
    "cut in a row": (GOOD[: len(GOOD) - 30], MalformedResponseError, "price file"),
    "nothing": (b"", MalformedResponseError, "no line of column names"),
    "no prices": (price_file(IRELAND), MalformedResponseError, "no price of a plain Linux instance"),
    "another region's": (price_file(OHIO, m5_large="1"), MalformedResponseError, "no price of a plain Linux"),
    "yuan": (GOOD.replace(b'"USD"', b'"CNY"'), MalformedResponseError, "in CNY, and not in USD"),
    "no date": (GOOD.replace(b"Publication", b"Some"), MalformedResponseError, "of which day"),
    "not gzip": (
        Response(status=200, body=GOOD, headers=headers_of({"Content-Encoding": "gzip"})),
        AnswerLostError,
        "lost",
    ),
    "no file": (Response(status=503, body=b"<title>Slow down</title>"), AiocloudError, "Slow down"),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_region_that_fails_leaves_what_was_there_and_hinders_no_other(what: str, tmp_path: Path) -> None:
    file, kind, words = BAD[what]
    before = dollars(date(2026, 1, 1), source="before", **{IRELAND: Decimal(7)})
    (tmp_path / "ec2.json").write_text(dump(before))
    host = PriceHost(IRELAND, OHIO, eu_west_1=file, us_east_2=price_file(OHIO, t4g_medium="0.0336"))
    async with serve(host) as base:
        report = await refresh_ec2(folder=tmp_path, endpoint=str(base))
    assert [each.region for each in report.renewed] == [OHIO]
    assert list(report.failures) == [IRELAND]
    assert isinstance(report.failures[IRELAND], kind)
    assert words in str(report.failures[IRELAND])
    known = load("ec2", folder=tmp_path)
    assert known.origin(IRELAND) == Origin(date(2026, 1, 1), "before")
    assert known.cell("small", IRELAND) == Decimal(7)
    assert names_in(tmp_path) == ["ec2.json"]


async def test_nothing_is_written_when_nothing_was_renewed(tmp_path: Path) -> None:
    async with serve(PriceHost(IRELAND)) as base:
        report = await refresh_ec2(["eu-wset-1", IRELAND], folder=tmp_path / "none", endpoint=str(base))
    assert "similar: eu-west-1" in str(report.failures["eu-wset-1"])
    assert report.renewed == ()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"regions": []}',
        b'{"regions": {}}',
        b'{"regions": {"us-west-2-lax-1": {}}}',
        b'{"regions": {"eu-west-1": null}}',
        b'{"regions": {"eu-west-1": {"currentVersionUrl": "https://203.0.113.9/index.json"}}}',
        b'{"regions": {"eu-west-1": {"currentVersionUrl": "//203.0.113.9/index.json"}}}',
        b'{"regions": {"eu-west-1": {"currentVersionUrl": 7}}}',
    ],
)
async def test_an_index_that_is_none_is_an_error(body: bytes, tmp_path: Path) -> None:
    host = PriceHost(IRELAND)
    host.files[INDEX] = body
    async with serve(host) as base:
        with pytest.raises(MalformedResponseError, match=r"^ec2: the index"):
            await refresh_ec2(folder=tmp_path, endpoint=str(base))


async def test_an_index_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    host = PriceHost()
    del host.files[INDEX]
    async with serve(host) as base:
        with pytest.raises(NotFoundError, match=r"^ec2: HTTP 404"):
            await refresh_ec2(folder=tmp_path, endpoint=str(base))


async def test_a_catalogue_of_ones_own_in_another_currency_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "ec2.json"
    file.write_text(dump(a_catalogue()))
    before = file.read_text()
    with pytest.raises(ConfigurationError, match="prices in EUR per month, and AWS's are in USD"):
        await refresh_ec2(folder=tmp_path, transport=broken(0))
    file.write_text("{")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        await refresh_ec2(folder=tmp_path, transport=broken(0))
    file.write_text(before)


async def test_an_applications_session_is_used_and_left_open(tmp_path: Path) -> None:
    async with serve(PriceHost(IRELAND, eu_west_1=GOOD)) as base, aiohttp.ClientSession() as session:
        report = await refresh_ec2(folder=tmp_path, endpoint=str(base), session=session)
        assert len(report.renewed) == 1
        assert not session.closed


# ---- what happens on the way, without a network


def transport(
    *regions: str, then: Callable[[str], AsyncIterator[str]]
) -> Callable[[Request], AsyncGenerator[str, None]]:
    """Lines of an index of these regions, and of a price file for each."""

    async def lines(request: Request) -> AsyncGenerator[str, None]:
        if request.url.path == INDEX:
            yield index(*regions).decode()
            return
        async for line in then(request.url.path.split("/")[-2]):
            yield line

    return lines


def broken(times: int) -> Callable[[Request], AsyncGenerator[str, None]]:
    """Breaks off in the midst of a file so many times."""
    left = [times]

    async def file(region: str) -> AsyncIterator[str]:
        lines = GOOD.decode().split("\r\n")
        for number, line in enumerate(lines):
            if number == len(lines) - 2 and left[0]:
                left[0] -= 1
                raise AnswerLostError("the answer was lost")
            yield line

    return transport(IRELAND, then=file)


async def test_a_file_that_breaks_off_is_asked_for_once_more_from_its_beginning(tmp_path: Path) -> None:
    report = await refresh_ec2(folder=tmp_path, transport=broken(1))
    assert [each.prices for each in report.renewed] == [2]
    report = await refresh_ec2(folder=tmp_path, transport=broken(2))
    assert isinstance(report.failures[IRELAND], AnswerLostError)


async def test_a_region_that_takes_too_long_is_a_failure(tmp_path: Path) -> None:
    async def endless(region: str) -> AsyncIterator[str]:
        await asyncio.Event().wait()
        yield ""

    report = await refresh_ec2(folder=tmp_path, transport=transport(IRELAND, then=endless), deadline=0.02)
    assert isinstance(report.failures[IRELAND], RequestTimeoutError)
    assert "0.02 s" in str(report.failures[IRELAND])


async def test_who_cancels_keeps_the_regions_that_were_complete_and_no_half_of_another(tmp_path: Path) -> None:
    closed = []
    halfway, ireland = asyncio.Event(), asyncio.Event()

    def watch(step: Step) -> None:
        if step.state == "renewed":
            ireland.set()

    async def file(region: str) -> AsyncIterator[str]:
        lines = price_file(region, t4g_medium="0.0368").decode().split("\r\n")
        try:
            for line in lines[:-2]:
                yield line
            if region == OHIO:
                halfway.set()
                await asyncio.Event().wait()
            for line in lines[-2:]:
                yield line
        finally:
            closed.append(region)

    renewing = asyncio.create_task(
        refresh_ec2(folder=tmp_path, transport=transport(IRELAND, OHIO, then=file), watch=watch)
    )
    await halfway.wait()
    await ireland.wait()
    renewing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await renewing
    known = load("ec2", folder=tmp_path)
    assert (known.origin(IRELAND).as_of, known.origin(OHIO).as_of) == (DAY, SHIPPED_DAY)
    assert names_in(tmp_path) == ["ec2.json"]
    assert sorted(closed) == [IRELAND, OHIO]


async def test_a_folder_that_cannot_be_written_is_a_failure_of_each_region(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    report = await refresh_ec2(folder=blocked / "catalogue", transport=broken(0))
    assert isinstance(report.failures[IRELAND], OSError)


async def test_it_is_told_how_far_each_region_is(tmp_path: Path) -> None:
    steps: list[Step] = []
    await refresh_ec2(["eu-wset-1", IRELAND], folder=tmp_path, transport=broken(0), watch=steps.append)
    assert [step.state for step in steps if step.region == IRELAND] == ["waiting", "reading", "renewed"]
    assert [step.state for step in steps if step.region == "eu-wset-1"] == ["waiting", "failed"]
    assert steps[-1].prices == 2


async def test_no_more_than_a_few_files_are_read_at_once(tmp_path: Path) -> None:
    reading, most = 0, 0

    async def file(region: str) -> AsyncIterator[str]:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        await asyncio.sleep(0.001)
        for line in price_file(region, t4g_medium="1").decode().split("\r\n"):
            yield line
        reading -= 1

    regions = [f"eu-west-{number}" for number in range(9)]
    report = await refresh_ec2(folder=tmp_path, transport=transport(*regions, then=file))
    assert [each.region for each in report.renewed] == regions
    assert most == 3


async def test_older_files_do_not_take_the_place_of_newer_prices(tmp_path: Path) -> None:
    newer = replace(dollars(date(2026, 9, 9), source="newer", **{IRELAND: Decimal(7)}))
    (tmp_path / "ec2.json").write_text(dump(newer))
    await refresh_ec2(folder=tmp_path, transport=broken(0))
    assert load("ec2", folder=tmp_path).origin(IRELAND).source == "newer"


async def test_facts_of_the_file_count_before_those_that_shipped(tmp_path: Path) -> None:
    body = GOOD.replace(b'"4 GiB"', b'"5 GiB"').replace(b'"AWS Graviton2 Processor"', b'"NA"')
    async with serve(PriceHost(IRELAND, eu_west_1=body)) as base:
        await refresh_ec2(folder=tmp_path, endpoint=str(base))
    sizes = load("ec2", folder=tmp_path).sizes
    assert sizes["t4g.medium"] == CatalogueSize("t4g.medium", 5 * 1024, 2, 0, None, "arm64")
    assert sizes["a1.large"] == load("ec2", folder=SHIPPED).sizes["a1.large"]
