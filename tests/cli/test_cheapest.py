from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal

import pytest

from aiocloud.cli.session import asked_openly, together
from aiocloud.errors import ConnectError
from aiocloud.fleet import Failure, Scope
from aiocloud.fleet.sandbox import simulated
from aiocloud.simulators.linode import LinodeSimulator
from tests.cli.conftest import Ran

SANDBOX = ("--sandbox", "--provider", "linode", "cheapest")


def test_the_answer_comes_first_and_says_what_where_and_of_when(run: Callable[..., Ran]) -> None:
    ran = run(*SANDBOX, "--ram", "4G", "--inside", "DE")
    first = ran.out.splitlines()[0]
    assert ran.status == 0
    assert first.startswith("Cheapest: Linode g6-standard-2 (2 vcpus, 4G ram, 80G disk) in Frankfurt")
    assert "Germany" in first
    assert "0.036 USD an hour, about 26.28 USD a month (730 h)" in first
    assert "Price of 2024-07-11, from the provider's API." in first


def test_old_prices_are_called_old_and_simulated_facts_simulated(run: Callable[..., Ran]) -> None:
    ran = run(*SANDBOX, "--top", "3")
    assert "Linode prices are those of 2024-07-11, 864 days old" in ran.out
    assert "simulated clouds; facts:\n  linode: Types and prices as Linode's API gave them" in ran.out


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_table_fits_the_terminal(width: int, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    ran = run(*SANDBOX, "--ram", "4G", "--currency", "EUR")
    table = ran.out.split("\n\n")[1].splitlines()
    assert len(table) == 12  # the head, ten offers, how many more there are
    assert max(map(len, table)) <= width
    assert not any("…" in line for line in table[:-1])
    assert {"size", "location", "country", "EUR/h"} <= set(table[0].split())


def test_a_conversion_tells_the_day_of_the_rates(run: Callable[..., Ran]) -> None:
    ran = run(*SANDBOX, "--ram", "4G", "--currency", "EUR")
    assert "exchange rates are those of " in ran.out
    assert "Quoted as 0.036 USD/hour on 2024-07-11" in ran.out
    assert "exchange rates" not in run(*SANDBOX).out


def test_json_is_one_document_with_exact_amounts(run: Callable[..., Ran]) -> None:
    ran = run(*SANDBOX, "--ram", "4G", "--outside", "US", "--format", "json", "--top", "40")
    told = json.loads(ran.out)
    assert set(told) >= {"items", "failures", "coverage"}
    hourly = [Decimal(item["hourly"]) for item in told["items"]]
    assert hourly == sorted(hourly)
    assert hourly[0] == Decimal("0.036")
    assert [item["rank"] for item in told["items"]] == list(range(1, 41))
    assert "US" not in {item["location"]["country"] for item in told["items"]}
    assert {item["size"]["ram"] >= 4096 for item in told["items"]} == {True}
    assert told["items"][0]["price"]["as_of"] == "2024-07-11"
    assert "extra" not in told["items"][0]["size"]
    assert told["coverage"][0]["status"] == "answered"


def test_csv_and_jsonl_hold_the_same_offers(run: Callable[..., Ran]) -> None:
    rows = list(csv.DictReader(io.StringIO(run(*SANDBOX, "--format", "csv").out)))
    lines = [json.loads(line) for line in run(*SANDBOX, "--format", "jsonl").out.splitlines()]
    assert len(rows) == len(lines) == 10
    assert [row["size_id"] for row in rows] == [line["size"]["id"] for line in lines]
    assert [row["price_amount"] for row in rows] == [line["price"]["amount"] for line in lines]


def test_an_explanation_counts_every_clause_and_shows_a_few_of_each(run: Callable[..., Ran]) -> None:
    told = json.loads(run(*SANDBOX, "--ram", "4G", "--outside", "US", "--explain", "--format", "json").out)
    assert set(told["explained"]) == set(told["left_out"]) == {"ram", "sold out", "country"}
    assert {len(some) for some in told["explained"].values()} == {3}
    asked = run(*SANDBOX, "--ram", "4G", "--outside", "US", "--explain").out
    assert f"rejected for country: {told['left_out']['country']}, such as" in asked
    assert "ram 1024 MiB < 4096 MiB" in asked


def test_nothing_that_matches_is_said_so(run: Callable[..., Ran]) -> None:
    ran = run(*SANDBOX, "--vcpus", "100000")
    assert ran.status == 0
    assert ran.out.startswith("No offer matches: at least 100000 vcpus.")


def test_an_answer_without_one_cloud_says_so_and_ends_with_3(
    run: Callable[..., Ran], configure: Callable[..., None], linode: LinodeSimulator
) -> None:
    configure(prod=linode)
    configure(token="wrong", stale=LinodeSimulator())
    ran = run("cheapest", "--account", "prod", "--account", "stale")
    assert ran.status == 3
    assert ran.out.startswith("Cheapest of the clouds that answered: Linode")
    assert "aiocloud: linode/stale did not answer: " in ran.err
    assert "Check the credentials of this account" in ran.err
    told = json.loads(run("cheapest", "--account", "prod", "--account", "stale", "--format", "json").out)
    assert [failure["account"] for failure in told["failures"]] == ["stale"]
    assert {each["account"]: each["status"] for each in told["coverage"]} == {"prod": "answered", "stale": "failed"}


def test_no_answer_at_all_is_an_error(run: Callable[..., Ran], configure: Callable[..., None]) -> None:
    configure(token="wrong", stale=LinodeSimulator())
    ran = run("cheapest", "--account", "stale")
    assert ran.status == 1
    assert ran.err.endswith("aiocloud: no cloud answered\n")


def test_the_cheapest_of_the_whole_sandbox_is_the_cheapest_of_its_clouds(run: Callable[..., Ran]) -> None:
    asked = ("cheapest", "--ram", "4G", "--outside", "US", "--format", "json")
    ran = run("--sandbox", *asked)
    assert ran.status == 0
    each = [json.loads(run("--sandbox", "--provider", cloud, *asked).out)["items"][:1] for cloud in simulated()]
    best = min(Decimal(item["hourly"]) for items in each for item in items)
    assert Decimal(json.loads(ran.out)["items"][0]["hourly"]) == best


def test_near_finds_what_is_near_and_tells_how_many_places_nobody_can_measure(run: Callable[..., Ran]) -> None:
    around_dublin = ("cheapest", "--ram", "4G", "--near", "53.35,-6.26", "--within-km", "600")
    clouds = ("--sandbox", "--provider", "linode", "--provider", "openstack")
    ran = run(*clouds, *around_dublin)
    assert "in London, United Kingdom" in ran.out.splitlines()[0]
    told = json.loads(run(*clouds, *around_dublin, "--format", "json").out)
    assert {item["location"]["city"] for item in told["items"]} == {"London"}
    unknown = told["left_out"]["distance unknown"]
    assert unknown > 0
    assert f"left out, though they might match: {unknown} at an unknown distance\n" in ran.out + ran.err


def test_without_any_account_it_is_told_who_was_asked_all_the_same(run: Callable[..., Ran]) -> None:
    """Of these, EC2 alone needs no network: what it tells to anybody is the catalogue."""
    ran = run("cheapest", "--provider", "ec2", "--ram", "4G", "--top", "1")
    assert ran.status == 0
    assert ran.out.startswith("Cheapest: Amazon EC2 t4g.medium")
    assert ran.out.endswith("asked without an account, since they tell prices to anybody: Amazon EC2\n")


def test_which_of_those_failed_is_told_beside_them_and_why_once_for_all_their_parts() -> None:
    places = [Scope("scaleway", "public", place) for place in ("fr-par-1", "nl-ams-1")]
    error = ConnectError("no connection to api.scaleway.com")
    failures = [Failure(scope=place, phase="listing", error=error) for place in places]
    failures.append(Failure(scope=Scope("linode", "mine"), phase="listing", error=ConnectError("no connection")))
    [told] = asked_openly([Scope("ec2", "public"), Scope("scaleway", "public")], failures)
    assert told.endswith("to anybody: Amazon EC2, Scaleway; Scaleway failed, wholly or in part")
    assert list(together(failures)) == [
        ("scaleway/public (fr-par-1, nl-ams-1)", "no connection to api.scaleway.com"),
        ("linode/mine", "no connection"),
    ]
    assert list(asked_openly([], failures)) == []
