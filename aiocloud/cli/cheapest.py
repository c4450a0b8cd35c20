"""`aiocloud cheapest`: the offers of all clouds that have what is asked for, cheapest first."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from aiocloud.cli.offers import aligned, converted, disk, explanation, headline, memory, notes, quoted, samples
from aiocloud.cli.output import UsageError, need_rich, say, say_json, tell
from aiocloud.cli.progress import watching
from aiocloud.cli.records import document, header, offer_record, row
from aiocloud.cli.session import asked_openly, conclude, facts, open_fleet, require_accounts
from aiocloud.cli.tables import Column, draw
from aiocloud.errors import ConfigurationError
from aiocloud.fleet import Report
from aiocloud.models import Offer
from aiocloud.pricing import money
from aiocloud.query import Query, Ranked, Selection, select

CLAUSES = (
    *("ram", "vcpus", "disk", "arch", "outside", "inside", "near", "within_km", "max_price", "currency"),
    *("unknown_country", "unavailable"),
)


async def run(arguments: Namespace, today: date) -> int:
    """Ask, select, show."""
    query = query_of(arguments)
    table = arguments.format == "table"
    if table:
        need_rich()
    async with open_fleet(arguments) as fleet:
        asking = fleet.list_offers()
        async with watching(asking, fleet.scopes, arguments):
            report = await asking
        require_accounts(report.coverage)
        openly = asked_openly(fleet.public_scopes, report.failures)
        remarks = facts(fleet) if arguments.sandbox else list(openly)
    selection = select(report.items, query, top=arguments.top, keep_rejected=False)
    WRITERS[arguments.format](selection, report, arguments)
    remarks = [*notes(selection, today, explained=arguments.explain, simulated=arguments.sandbox), *remarks]
    if arguments.explain and arguments.format != "json":
        remarks = [*explanation(selection, samples(report.items, query)), *remarks]
    for remark in remarks:
        (say if table else tell)(remark)
    return conclude(report.coverage, report.failures)


def query_of(arguments: Namespace) -> Query:
    """The query. Raises UsageError for a word that is not understood."""
    try:
        return Query.of(**{clause: getattr(arguments, clause) for clause in CLAUSES})
    except ConfigurationError as error:
        raise UsageError(f"{error} (see aiocloud cheapest --help)") from error


def _table(selection: Selection, report: Report[Offer], arguments: Namespace) -> None:
    say(headline(selection, report.failures))
    if not selection.ranked:
        return
    say("")
    draw(columns(selection.ranked, selection.query))
    if selection.matched > len(selection.ranked):
        say(f"… and {selection.matched - len(selection.ranked)} more that match")
    say("")


def columns(shown: Sequence[Ranked], query: Query) -> list[Column]:
    """The table of the ranked, the price as it is quoted only where that differs from the price compared."""
    offers = [ranked.offer for ranked in shown]
    prices = [offer.price for offer in offers]
    plain = all(price and (price.currency, price.per) == (query.currency, "hour") for price in prices)

    def column(title: str, cell: Callable[[Offer], Any], **more: Any) -> Column:
        known = [cell(offer) for offer in offers]
        return Column(title=title, cells=["" if it is None else str(it) for it in known], **more)

    return [
        Column(title="#", cells=[str(rank) for rank in range(1, len(shown) + 1)], right=True),
        column("cloud", lambda offer: "/".join(filter(None, (offer.provider, offer.account))), least=12),
        column("size", lambda offer: offer.size.id, least=20),
        column("vcpus", lambda offer: offer.size.vcpus, rank=3, right=True),
        column("RAM", lambda offer: memory(offer.size.ram), rank=1, right=True),
        column("disk", lambda offer: disk(offer.size.disk), rank=4, right=True),
        column("location", lambda offer: offer.location.id, least=14),
        column("city", lambda offer: offer.location.city, rank=6, least=10),
        column("country", lambda offer: offer.location.country or "?", rank=2),
        Column(title=f"{query.currency}/h", cells=aligned([ranked.hourly for ranked in shown]), right=True),
        column("quoted", lambda offer: quoted(offer.price) if offer.price and not plain else "", rank=7, right=True),
        column("price of", lambda offer: offer.price and offer.price.as_of, rank=5),
        column("source", lambda offer: offer.price and offer.price.source, rank=8),
    ]


def _records(selection: Selection, arguments: Namespace) -> list[dict[str, Any]]:
    currency = selection.query.currency
    ranked = enumerate(selection.ranked, start=1)
    return [offer_record(rank, each, currency, extra=arguments.extra) for rank, each in ranked]


def _json(selection: Selection, report: Report[Offer], arguments: Namespace) -> None:
    rates = money.rates() if converted(selection.ranked, selection.query) else None
    more: dict[str, Any] = {
        "query": str(selection.query),
        "matched": selection.matched,
        "left_out": dict(selection.counts),
        "rates": rates and {"as_of": rates.as_of.isoformat(), "source": rates.source},
    }
    if arguments.explain:
        more["explained"] = {
            kind: [
                {
                    "provider": offer.provider,
                    "account": offer.account,
                    "location": offer.location.id,
                    "size": offer.size.id,
                    "reason": sentence,
                }
                for offer, sentence in some
            ]
            for kind, some in samples(report.items, selection.query).items()
        }
    say_json(document(_records(selection, arguments), report.failures, report.coverage, **more))


def _jsonl(selection: Selection, report: Report[Offer], arguments: Namespace) -> None:
    import json

    for each in _records(selection, arguments):
        say(json.dumps(each, ensure_ascii=False))


def _csv(selection: Selection, report: Report[Offer], arguments: Namespace) -> None:
    say(header(Ranked))
    for each in _records(selection, arguments):
        say(row(Ranked, each))


WRITERS: dict[str, Callable[[Selection, Report[Offer], Namespace], None]] = {
    "table": _table,
    "json": _json,
    "jsonl": _jsonl,
    "csv": _csv,
}
