"""Models as JSON, and as rows of CSV: stable names, exact amounts, ISO dates, no secrets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from aiocloud.errors import AiocloudError
from aiocloud.fleet import Coverage, Failure, Scope
from aiocloud.models import Image, Location, Node, Size
from aiocloud.query import Ranked
from aiocloud.values import Secret

if TYPE_CHECKING:
    from aiocloud.deploy import Deployed, RunResult

HIDDEN = frozenset({"password", "private_key"})
SECRET_WORDS = ("pass", "secret", "token", "private_key")
"""A key of a payload that contains one of these is not shown."""


def record(model: Any, *, extra: bool = False) -> dict[str, Any]:
    """A model as a JSON object; with the provider's payload if `extra`."""
    left_out = HIDDEN if extra else HIDDEN | {"extra"}
    return {
        each.name: _plain(getattr(model, each.name), extra=extra) for each in fields(model) if each.name not in left_out
    }


def _plain(value: Any, *, extra: bool) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return str(value)
        case Decimal():
            return f"{value:f}"
        case date():
            return value.isoformat()
        case Secret():
            return str(value)
        case Mapping():
            return {str(key): _shown(str(key), each, extra=extra) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(each, extra=extra) for each in value]
    return record(value, extra=extra) if is_dataclass(value) else str(value)


def _shown(key: str, value: Any, *, extra: bool) -> Any:
    secret = isinstance(value, str) and any(word in key.lower() for word in SECRET_WORDS)
    return "***" if secret else _plain(value, extra=extra)


def offer_record(rank: int, ranked: Ranked, currency: str, *, extra: bool = False) -> dict[str, Any]:
    """A ranked offer: `hourly` and `monthly` in the currency asked for, `price` as the provider quotes it."""
    return {
        "rank": rank,
        "hourly": f"{ranked.hourly:f}",
        "monthly": f"{monthly(ranked.hourly):f}",
        "currency": currency,
        **record(ranked.offer, extra=extra),
    }


def deployed_record(outcome: Deployed, *, extra: bool = False) -> dict[str, Any]:
    """What came of a deployment: the node, why it failed, what is left, and what each step wrote."""
    return {
        "name": outcome.name,
        "ok": outcome.ok,
        "left": outcome.left,
        "error": str(outcome.error) if outcome.error is not None else None,
        "node": record(outcome.node, extra=extra) if outcome.node is not None else None,
        "steps": [
            {"step": repr(step)} | {name: getattr(step, name, None) for name in ("exit_status", "stdout", "stderr")}
            for step in outcome.steps
        ],
    }


def ran_record(result: RunResult) -> dict[str, Any]:
    """What a command did on a node."""
    return {
        **{name: getattr(result.node, name) for name in ("id", "name", "provider", "account")},
        **{name: getattr(result, name) for name in ("address", "command", "ok", "exit_status", "stdout", "stderr")},
        "error": str(result.error) if result.error is not None else None,
        "seconds": round(result.seconds, 3),
    }


def monthly(hourly: Decimal) -> Decimal:
    """An estimate for a month of 730 hours, to the cent."""
    return (hourly * 730).quantize(Decimal("0.01"))


def coverage_record(coverage: Coverage) -> dict[str, Any]:
    """How a scope took part."""
    seconds = round(coverage.seconds, 3)
    return {**_scope(coverage.scope), "status": coverage.status, "items": coverage.items, "seconds": seconds}


def failure_record(failure: Failure) -> dict[str, Any]:
    """What a scope could not answer, and why."""
    kind = type(failure.error).__name__
    return {
        **_scope(failure.scope),
        "phase": failure.phase,
        "attempts": failure.attempts,
        "error": kind,
        "reason": failure.reason,
    }


def _scope(scope: Scope) -> dict[str, Any]:
    return {"provider": scope.provider, "account": scope.account, "region": scope.region or None}


def document(
    items: Sequence[Any], failures: Iterable[Failure], coverage: Iterable[Coverage], **more: Any
) -> dict[str, Any]:
    """The whole answer as one JSON document."""
    return {
        "items": items,
        "failures": [failure_record(each) for each in failures],
        "coverage": [coverage_record(each) for each in coverage],
        **more,
    }


# ---- CSV ----

_PRICE = [f"price.{name}" for name in ("amount", "currency", "per", "as_of", "source")]
_SIZE = ["id", "name", "vcpus", "ram", "disk", "bandwidth", "arch"]
_PLACE = ["id", "name", "country", "city", "latitude", "longitude"]
PROVIDER: Final = "provider"
"""The kind of a row about a driver."""
PRICES: Final = "prices"
"""The kind of a row about a price catalogue."""
DEPLOYED: Final = "deployed"
"""The kind of a row about a deployment."""
RAN: Final = "ran"
"""The kind of a row about a command on a node."""
COLUMNS: dict[type | str, list[str]] = {
    Node: [each.name for each in fields(Node) if each.name not in HIDDEN | {"extra"}],
    Image: [each.name for each in fields(Image) if each.name != "extra"],
    Size: ["provider", *_SIZE, "location", *_PRICE],
    Location: ["provider", *_PLACE, "zones"],
    Ranked: [
        *("rank", "provider", "account", "hourly", "monthly", "currency"),
        *(f"size.{name}" for name in _SIZE),
        *(f"location.{name}" for name in _PLACE),
        *_PRICE,
        "available",
    ],
    PROVIDER: [
        *("provider", "name", "status", "since", "successor", "protocol", "website", "public_prices"),
        *("capabilities", "features"),
    ],
    PRICES: [
        *("provider", "oldest", "newest", "age_days", "regions", "sizes", "known", "unknown", "currency", "per"),
        "sources",
    ],
    DEPLOYED: [
        *("name", "ok", "left", "error"),
        *(f"node.{name}" for name in ("id", "provider", "account", "public_ips", "private_ips")),
    ],
    RAN: [
        *("provider", "account", "id", "name", "address", "command", "ok", "exit_status", "seconds", "error"),
        *("stdout", "stderr"),
    ],
}


def header(kind: type | str, *more: str) -> str:
    """The first row, with `more` columns at its end."""
    return _row([name.replace(".", "_") for name in (*COLUMNS[kind], *more)])


def row(kind: type | str, item: Mapping[str, Any], *more: str) -> str:
    """The row of a record of that kind."""
    return _row([_cell(_at(item, name)) for name in (*COLUMNS[kind], *more)])


def _at(item: Any, path: str) -> Any:
    for name in path.split("."):
        item = item.get(name) if isinstance(item, Mapping) else None
    return item


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return "; ".join(map(str, value))
        case Mapping():
            return "; ".join(f"{key}={each}" for key, each in value.items())
    return str(value)


def _row(cells: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue().removesuffix("\n")


def kind_of(name: str) -> type:
    """The model behind a list's name."""
    kinds: dict[str, type] = {"nodes": Node, "images": Image, "sizes": Size, "locations": Location}
    if name not in kinds:
        raise AiocloudError(f"there is no list of {name}")
    return kinds[name]
