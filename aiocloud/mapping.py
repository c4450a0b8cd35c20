"""From a provider's payload to a model: `Shape`, `at`, `one_of`.

A shape is declared once, at import, and checked there: a field that the model does not have, or a required
one that nobody fills, is a TypeError before the first request.

>>> from aiocloud.models import Node, NodeState
>>> STATES = {"initializing": NodeState.PENDING, "running": NodeState.RUNNING}
>>> NODE = Shape(
...     Node,
...     id=at("id", str),
...     name=at("name"),
...     state=at("status", one_of(STATES, NodeState.UNKNOWN)),
...     public_ips=at("net.ip", lambda ip: (ip,), default=()),
... )
>>> node = NODE({"id": 7, "name": "web", "status": "hibernating", "net": {"ip": "198.51.100.7"}})
>>> node.id, node.state.value, node.public_ips, node.extra["status"]
('7', 'unknown', ('198.51.100.7',), 'hibernating')

Absent and null are the same. A field of the model that has a default keeps it; one that has none is
the provider's fault, and named:

>>> NODE({"name": "web"})
Traceback (most recent call last):
aiocloud.errors.MalformedResponseError: a Node without `id` (looked for at `id`)

Paths are deliberately dumb: keys joined by dots. For anything cleverer, give a function of the payload.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import Any, Generic, TypeVar

from aiocloud.errors import MalformedResponseError
from aiocloud.values import FrozenMap

T = TypeVar("T")
F = TypeVar("F")

_NEEDED: Any = object()


@dataclasses.dataclass(frozen=True, slots=True)
class At:
    """Where a field's value stands, how to convert it, and what to take when it is absent or null."""

    path: str
    convert: Callable[[Any], Any] | None = None
    default: Any = _NEEDED

    def __call__(self, payload: Any) -> Any:
        """The value, or None where there is none and no default was named."""
        value = dig(payload, self.path)
        if value is None:
            return None if self.default is _NEEDED else self.default
        return self.convert(value) if self.convert else value


def at(path: str, convert: Callable[[Any], Any] | None = None, *, default: Any = _NEEDED) -> At:
    """The value under dotted `path`, converted, or `default` when it is absent or null."""
    return At(path, convert, default)


def dig(payload: Any, path: str) -> Any:
    """The value under a dotted path; None where any step is missing.

    >>> dig({"a": {"b": 1}}, "a.b"), dig({"a": None}, "a.b")
    (1, None)
    """
    for key in path.split("."):
        if not isinstance(payload, Mapping):
            return None
        payload = payload.get(key)
    return payload


def one_of(table: Mapping[str, F], fallback: F) -> Callable[[Any], F]:
    """A converter that looks a word up, and survives words that do not exist yet, and what is no word at all."""
    return lambda word: table.get(word, fallback) if isinstance(word, str) else fallback


class Shape(Generic[T]):
    """A declared mapping from a payload to a model.

    Each field is an `at(…)` or a function of the whole payload. `extra` is filled with the payload itself,
    less the dotted paths in `hide` (passwords that a provider sends along).
    """

    def __init__(self, model: type[T], *, hide: Iterable[str] = (), **fields: Callable[[Any], Any]) -> None:
        known = {field.name: field for field in dataclasses.fields(model)}  # type: ignore[arg-type]  # T is a dataclass: fields() says so else
        unknown = fields.keys() - known.keys()
        if unknown:
            raise TypeError(f"{model.__name__} has no field {', '.join(sorted(unknown))}")
        self._required = {name for name, field in known.items() if not _has_default(field)}
        missing = self._required - fields.keys()
        if missing:
            raise TypeError(f"{model.__name__} needs {', '.join(sorted(missing))}")
        self.model = model
        self.fields = fields
        self._known = known.keys()
        self._hide = tuple(hide)

    def __call__(self, payload: Any, **context: Any) -> T:
        """The model. `context` fills fields such as `provider` that are not in the payload.

        Raises MalformedResponseError, with the field's name, for what is missing or does not convert.
        """
        values = {name: value for name, value in context.items() if name in self._known}
        for name, read in self.fields.items():
            value = self._value(name, read, payload)
            if value is not None:
                values[name] = value
            elif name in self._required:
                where = f" (looked for at `{read.path}`)" if isinstance(read, At) else ""
                raise MalformedResponseError(f"a {self.model.__name__} without `{name}`{where}")
        if "extra" in self._known and "extra" not in values and isinstance(payload, Mapping):
            values["extra"] = FrozenMap(without(payload, self._hide))
        return self.model(**values)

    def _value(self, name: str, read: Callable[[Any], Any], payload: Any) -> Any:
        try:
            return read(payload)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            raise MalformedResponseError(
                f"a {self.model.__name__} whose `{name}` cannot be read: {type(error).__name__}"
            ) from error


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def without(payload: Mapping[str, Any], paths: Iterable[str]) -> Mapping[str, Any]:
    """The payload less what stands under the dotted paths; the original is left alone.

    >>> without({"id": 1, "os": {"name": "deb", "passwords": ["x"]}}, ["os.passwords"])
    {'id': 1, 'os': {'name': 'deb'}}
    """
    for path in paths:
        head, _, rest = path.partition(".")
        if head not in payload:
            continue
        copy = {key: value for key, value in payload.items() if key != head or rest}
        if rest and isinstance(copy[head], Mapping):
            copy[head] = without(copy[head], [rest])
        payload = copy
    return payload


def raw(payload: Any, **context: Any) -> Any:
    """In place of a shape: the payload as it is, for lists that become no model."""
    return payload


# Converters that many providers need.

_PRIVATE = [
    ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16")
] + [ip_network(text) for text in ("fc00::/7", "fe80::/10")]


def is_private(address: str) -> bool:
    """Whether an address cannot be reached from the internet: private, shared, link-local, unique local.

    >>> is_private("10.9.8.7"), is_private("fd00::1"), is_private("203.0.113.77"), is_private("2001:db8::1")
    (True, True, False, False)
    """
    parsed = ip_address(address)
    return any(parsed in network for network in _PRIVATE)


def addresses(found: Iterable[str | None], *, private: bool) -> tuple[str, ...]:
    """Those of these addresses that are private, or are not, each once; what is no address at all is passed over.

    >>> addresses(["10.0.0.7", None, "", "dhcp", "203.0.113.7", "10.0.0.7"], private=True)
    ('10.0.0.7',)
    """
    known = [each for each in dict.fromkeys(found) if each and _is_address(each)]
    return tuple(each for each in known if is_private(each) is private)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def timestamp(text: str) -> datetime:
    """An aware datetime from ISO 8601 text; text without a zone is UTC.

    >>> timestamp("2026-03-01T21:14:09")
    datetime.datetime(2026, 3, 1, 21, 14, 9, tzinfo=datetime.timezone.utc)
    """
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def system_in(name: str) -> tuple[str | None, str | None]:
    """The family and the version of the operating system in an image's name, as far as the name begins with them.

    >>> system_in("CentOS 5.3 (32-bit)"), system_in("Red Hat EL 6.0"), system_in("Arch"), system_in("2nd try")
    (('centos', '5.3'), ('red hat', '6.0'), ('arch', None), (None, None))
    """
    found = re.match(r"\s*(red hat|[a-z]+)\b[^\d(]*(\d[\w.]*)?", name, re.IGNORECASE)
    return (found[1].lower(), found[2]) if found else (None, None)
