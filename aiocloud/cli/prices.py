"""`aiocloud prices`: the price catalogues and how old they are; with `--refresh`, newer prices from the provider."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aiocloud.cli.offers import RENEWABLE, renewal, title
from aiocloud.cli.output import UsageError, complain, need_rich, say, say_json, tell
from aiocloud.cli.progress import BUSY, showing
from aiocloud.cli.records import PRICES, document, header, row
from aiocloud.cli.session import COMPLETE, INCOMPLETE
from aiocloud.cli.tables import Column, draw
from aiocloud.errors import AiocloudError, ConfigurationError
from aiocloud.fleet import Coverage, Failure, Scope
from aiocloud.pricing import catalogue
from aiocloud.pricing.catalogue import Catalogue

if TYPE_CHECKING:
    from rich.text import Text

    from aiocloud.pricing.fetch import Refreshed, Step


async def run(arguments: Namespace, today: date) -> int:
    """Renew the prices, if that is asked for; then show what is known."""
    _check(arguments)
    if arguments.format == "table":
        need_rich()
    coverage, failures = await _renew(arguments) if arguments.refresh else ([], [])
    known, unreadable = _known(arguments)
    items = [describe(each, today) for each in known]
    _write(items, [*failures, *unreadable], coverage, arguments.format)
    if arguments.format == "table" and not arguments.refresh and not arguments.sandbox:
        for remark in _remarks(known, today):
            say(remark)
    return _conclude(coverage, failures, known, unreadable)


def _check(arguments: Namespace) -> None:
    for option in ("region", "endpoint"):
        if getattr(arguments, option) and not arguments.refresh:
            raise UsageError(f"--{option} says what --refresh fetches (see aiocloud prices --help)")
    if arguments.refresh and arguments.sandbox:
        raise UsageError("--sandbox has the prices that ship with aiocloud, which --refresh does not change")


# ---- what is known ----


def _known(arguments: Namespace) -> tuple[list[Catalogue], list[Failure]]:
    """The catalogues, and why others cannot be read. Those of the sandbox are the ones that shipped."""
    folder = catalogue.SHIPPED if arguments.sandbox else None
    wanted = [arguments.refresh] if arguments.refresh else arguments.provider
    known, unreadable = [], []
    for provider in wanted or catalogue.available(folder=folder):
        try:
            known.append(catalogue.load(provider, folder=folder))
        except ConfigurationError as error:
            unreadable.append(Failure(scope=Scope(provider, ""), phase="configuration", error=error))
    return known, unreadable


def describe(known: Catalogue, today: date) -> dict[str, Any]:
    """What a catalogue holds, and how old it is."""
    cells = [cell for row in known.cells.values() for cell in row]
    oldest, newest = known.days
    return {
        "provider": known.provider,
        "oldest": oldest.isoformat(),
        "newest": newest.isoformat(),
        "age_days": known.age(today).days,
        "regions": len(known.regions),
        "sizes": len(known.sizes),
        "known": sum(isinstance(cell, Decimal) for cell in cells),
        "unknown": sum(cell is None for cell in cells),
        "currency": known.currency,
        "per": known.per,
        "sources": list(dict.fromkeys([known.source, *(known.origin(region).source for region in known.regions)])),
    }


def _remarks(known: Sequence[Catalogue], today: date) -> Iterator[str]:
    for each in known:
        if each.provider in RENEWABLE and each.age(today).days > 0:
            yield f"\n{title(each.provider)}: {renewal(each.provider)}"


def _write(items: list[dict[str, Any]], failures: Sequence[Failure], coverage: Sequence[Coverage], format: str) -> None:
    match format:
        case "json":
            say_json(document(items, failures, coverage))
        case "jsonl":
            for item in items:
                say(json.dumps(item, ensure_ascii=False))
        case "csv":
            say(header(PRICES))
            for item in items:
                say(row(PRICES, item))
        case _ if items:
            draw(_columns(items))


def _columns(items: Sequence[Mapping[str, Any]]) -> list[Column]:
    def column(title: str, name: str, **more: Any) -> Column:
        return Column(title=title, cells=[str(item[name]) for item in items], **more)

    return [
        column("provider", "provider"),
        column("oldest", "oldest"),
        column("newest", "newest", rank=1),
        Column(title="age", cells=[f"{item['age_days']} days" for item in items], right=True),
        column("regions", "regions", rank=3, right=True),
        column("sizes", "sizes", rank=5, right=True),
        column("prices", "known", rank=1, right=True),
        column("unknown", "unknown", rank=2, right=True),
        Column(title="in", cells=[f"{item['currency']}/{item['per']}" for item in items], rank=6),
        Column(title="source", cells=["; ".join(item["sources"]) for item in items], rank=3, least=16),
    ]


# ---- newer ones ----


async def _renew(arguments: Namespace) -> tuple[list[Coverage], list[Failure]]:
    from aiocloud.pricing.fetch import ENDPOINT, refresh_ec2  # only who renews needs it

    regions = arguments.region or None
    which = ", ".join(regions) if regions else "all regions"
    tell(f"reading {title('ec2')}'s price files of {which}: hundreds of MB each, of which only the prices are kept")
    steps: dict[str, Step] = {}

    def watch(step: Step) -> None:
        steps[step.region] = step

    async with showing(lambda moment: lines(steps, moment), arguments):
        report = await refresh_ec2(
            regions, endpoint=arguments.endpoint or ENDPOINT, deadline=arguments.deadline, watch=watch
        )
    return _taken_part(report)


def _taken_part(report: Refreshed) -> tuple[list[Coverage], list[Failure]]:
    done = [
        Coverage(scope=Scope("ec2", "", each.region), status="answered", items=each.prices) for each in report.renewed
    ]
    failed = [Coverage(scope=Scope("ec2", "", region), status="failed") for region in report.failures]
    failures = [
        Failure(scope=Scope("ec2", "", region), phase="listing", error=error)
        for region, error in report.failures.items()
    ]
    return [*done, *failed], failures


def lines(steps: Mapping[str, Step], moment: float) -> Text:
    """A line for each region whose file is being read or was, and how many still wait."""
    from rich.text import Text

    text = Text()
    for step in steps.values():
        if step.state != "waiting":
            mark, colour = {"renewed": ("✓", "green"), "failed": ("✗", "red")}.get(
                step.state, (BUSY[int(moment * 8) % 4], "cyan")
            )
            text.append(f"{mark} ", colour).append(f"{step.region}  ").append(f"{_remark(step)}\n", "dim")
    if waiting := sum(step.state == "waiting" for step in steps.values()):
        text.append(f"  {waiting} more regions wait\n", "dim")
    return text


def _remark(step: Step) -> str:
    match step.state:
        case "failed":
            return "failed"
        case "renewed":
            return f"{step.prices} prices"
    return f"{step.read // 10**6} MB, {step.prices} prices"


def _conclude(
    coverage: Sequence[Coverage], failures: Sequence[Failure], known: Sequence[Catalogue], unreadable: Sequence[Failure]
) -> int:
    """Tell what was renewed and what failed; the exit status. Raises AiocloudError where nothing came of it."""
    answered = [each for each in coverage if each.status == "answered"]
    if answered:
        prices = sum(each.items for each in answered)
        tell(f"renewed {prices} prices of {len(answered)} {'regions' if len(answered) > 1 else 'region'}")
    for failure in failures:
        complain(f"{failure.scope} was not renewed: {failure.reason}")
    for failure in unreadable:
        complain(failure.reason)
    if failures and not answered:
        raise AiocloudError("no prices were renewed; those that were there are as they were")
    if unreadable and not known:
        raise AiocloudError("no price catalogue was found")
    return INCOMPLETE if failures or unreadable else COMPLETE
