from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from aiocloud.cli.prices import lines
from aiocloud.http.message import Response
from aiocloud.pricing.catalogue import dump, load, user_folder
from aiocloud.pricing.fetch import Step
from tests.cli.conftest import TODAY, Ran, serving
from tests.pricing.test_catalogue import a_catalogue, dollars
from tests.pricing.test_fetch import DAY, IRELAND, OHIO, SHIPPED_DAY, PriceHost, price_file

GOOD = price_file(IRELAND, t4g_medium="0.0001", m5_large="0.107")
REFRESH = ("prices", "--refresh", "ec2")


def refreshed(run: Callable[..., Ran], host: PriceHost, *more: str) -> Ran:
    with serving([host]) as (base,):
        return run(*REFRESH, "--endpoint", str(base), *more)


def test_each_catalogue_is_listed_with_its_age(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    ran = run("prices")
    table = [line.split() for line in ran.out.splitlines()]
    assert [row[0] for row in table[:5]] == ["provider", "azure", "ec2", "gce", "rackspace"]
    ec2 = table[2]
    assert ec2[1:5] == ["2025-03-02", "2025-03-02", str((TODAY - SHIPPED_DAY).days), "days"]
    assert "Amazon EC2: aiocloud prices --refresh ec2 renews them" in ran.out
    assert (ran.status, ran.err) == (0, "")


def test_all_formats_hold_the_same(run: Callable[..., Ran]) -> None:
    items = json.loads(run("prices", "--format", "json").out)["items"]
    assert [json.loads(line) for line in run("prices", "--format", "jsonl").out.splitlines()] == items
    rows = list(csv.DictReader(io.StringIO(run("prices", "--format", "csv").out)))
    texts = [{**{k: str(v) for k, v in item.items()}, "sources": "; ".join(item["sources"])} for item in items]
    assert rows == texts


def test_prices_that_are_known_and_those_that_are_not_are_counted(run: Callable[..., Ran]) -> None:
    [item] = json.loads(run("prices", "--provider", "ec2", "--format", "json").out)["items"]
    known = load("ec2")
    pairs = [known.price(size.id, region) for region in known.regions for size in known.in_region(region)]
    assert item["known"] == sum(price is not None for price in pairs)
    assert item["unknown"] == pairs.count(None)
    assert item["regions"] == 34


def test_a_provider_without_a_catalogue_is_an_error(run: Callable[..., Ran]) -> None:
    ran = run("prices", "--provider", "linode")
    assert ran.status == 1
    assert "no price catalogue for 'linode'; available: azure, ec2" in ran.err


def test_a_catalogue_that_cannot_be_read_does_not_hide_the_others(run: Callable[..., Ran]) -> None:
    user_folder().mkdir(parents=True)
    (user_folder() / "gce.json").write_text("{")
    ran = run("prices", "--format", "json")
    told = json.loads(ran.out)
    assert [item["provider"] for item in told["items"]] == ["azure", "ec2", "rackspace"]
    assert [each["provider"] for each in told["failures"]] == ["gce"]
    assert ran.status == 3
    assert "cannot be read" in ran.err


def test_one_region_is_renewed_and_the_others_stay_old(run: Callable[..., Ran]) -> None:
    ran = refreshed(run, PriceHost(IRELAND, OHIO, eu_west_1=GOOD), "--region", IRELAND, "--format", "json")
    assert ran.status == 0
    told = json.loads(ran.out)
    [item] = told["items"]
    assert (item["oldest"], item["newest"]) == (str(SHIPPED_DAY), str(DAY))
    assert [source[:30] for source in item["sources"]] == [
        "apache-libcloud 3.9.1, ec2_lin",
        "AWS's public offer files, 127.",
    ]
    [part] = told["coverage"]
    assert (part["region"], part["status"], part["items"]) == (IRELAND, "answered", 2)
    assert "price files of eu-west-1: hundreds of MB each" in ran.err
    assert "renewed 2 prices of 1 region" in ran.err


def test_renewed_prices_rank_and_the_old_ones_are_still_called_old(run: Callable[..., Ran]) -> None:
    refreshed(run, PriceHost(IRELAND, eu_west_1=GOOD))
    best, *others = json.loads(run("cheapest", "--provider", "ec2", "--format", "json").out)["items"]
    assert (best["size"]["id"], best["location"]["id"]) == ("t4g.medium", IRELAND)
    assert (best["price"]["amount"], best["price"]["as_of"]) == ("0.0001", str(DAY))
    assert {item["price"]["as_of"] for item in others} == {str(SHIPPED_DAY)}
    said = run("cheapest", "--provider", "ec2").out
    assert f"those of {SHIPPED_DAY}, 630 days old (aiocloud prices --refresh ec2 renews them)" in said


def test_simulated_clouds_know_nothing_of_renewed_prices(run: Callable[..., Ran]) -> None:
    asking = ("--sandbox", "cheapest", "--provider", "ec2")
    before = run(*asking)
    refreshed(run, PriceHost(IRELAND, eu_west_1=GOOD))
    assert run(*asking) == before
    assert "OLD PRICES: Amazon EC2 prices are those of 2025-03-02, 630 days old\n" in before.out
    [item] = json.loads(run("--sandbox", "prices", "--provider", "ec2", "--format", "json").out)["items"]
    assert item["newest"] == str(SHIPPED_DAY)


def test_some_regions_that_fail_are_named_and_make_the_answer_incomplete(run: Callable[..., Ran]) -> None:
    host = PriceHost(IRELAND, OHIO, eu_west_1=GOOD, us_east_2=Response(status=404))
    ran = refreshed(run, host, "--format", "json")
    assert ran.status == 3
    assert "aiocloud: ec2/us-east-2 was not renewed: HTTP 404" in ran.err
    told = json.loads(ran.out)
    assert [(each["region"], each["error"]) for each in told["failures"]] == [(OHIO, "NotFoundError")]
    assert {each["region"]: each["status"] for each in told["coverage"]} == {IRELAND: "answered", OHIO: "failed"}
    assert load("ec2").origin(OHIO).as_of == SHIPPED_DAY


def test_a_refresh_that_renews_nothing_is_an_error(run: Callable[..., Ran]) -> None:
    ran = refreshed(run, PriceHost(IRELAND), "--region", "eu-wset-1")
    assert ran.status == 1
    assert "no price file of a region 'eu-wset-1'; similar: eu-west-1" in ran.err
    assert "those that were there are as they were" in ran.err
    assert not user_folder().exists()


def test_a_host_without_an_index_is_an_error(run: Callable[..., Ran]) -> None:
    ran = run(*REFRESH, "--endpoint", "nowhere")
    assert (ran.status, ran.out) == (1, "")
    assert "Check the endpoint" in ran.err


def test_a_catalogue_of_ones_own_in_another_currency_is_told_before_the_download(run: Callable[..., Ran]) -> None:
    user_folder().mkdir(parents=True)
    (user_folder() / "ec2.json").write_text(dump(a_catalogue()))
    host = PriceHost(IRELAND, eu_west_1=GOOD)
    ran = refreshed(run, host)
    assert ran.status == 1
    assert "in EUR per month" in ran.err
    assert host.asked == []


@pytest.mark.parametrize(
    "argv",
    [
        ("prices", "--region", IRELAND),
        ("prices", "--endpoint", "http://127.0.0.1:1"),
        ("prices", "--refresh", "linode"),
        ("--sandbox", *REFRESH),
    ],
)
def test_words_that_make_no_sense_together_are_usage(argv: tuple[str, ...], run: Callable[..., Ran]) -> None:
    ran = run(*argv)
    assert (ran.status, ran.out) == (2, "")
    assert "--refresh" in ran.err


def test_a_user_who_has_newer_prices_sees_their_age(run: Callable[..., Ran]) -> None:
    user_folder().mkdir(parents=True)
    harbour = dollars(date(2026, 11, 20), source="mine", quay=Decimal(1))
    (user_folder() / "harbour.json").write_text(dump(harbour).replace('"ec2"', '"harbour"'))
    [item] = json.loads(run("prices", "--provider", "harbour", "--format", "json").out)["items"]
    assert (item["age_days"], item["sources"]) == (2, ["mine"])


def test_it_is_seen_how_far_each_region_is() -> None:
    steps = {
        step.region: step
        for step in (
            Step(region="one", state="renewed", prices=812),
            Step(region="two", state="failed", read=10**9),
            Step(region="three", state="reading", read=123_456_789, prices=40),
            Step(region="four", state="waiting"),
            Step(region="five", state="waiting"),
        )
    }
    assert lines(steps, 0.0).plain.splitlines() == [
        "✓ one  812 prices",
        "✗ two  failed",
        "◐ three  123 MB, 40 prices",
        "  2 more regions wait",
    ]
