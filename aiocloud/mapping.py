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
from functools import partial
from ipaddress import ip_address, ip_network
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any, Generic, TypeVar

from aiocloud.errors import MalformedResponseError
from aiocloud.values import FrozenMap, LateMap

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


@dataclasses.dataclass(frozen=True, slots=True)
class Several:
    """Where several values stand that make one field together."""

    paths: tuple[str, ...]
    convert: Callable[..., Any]

    def __call__(self, payload: Any) -> Any:
        """What the values make, None for those that are not there."""
        return self.convert(*[dig(payload, path) for path in self.paths])


def at(path: str, convert: Callable[[Any], Any] | None = None, *, default: Any = _NEEDED) -> At:
    """The value under dotted `path`, converted, or `default` when it is absent or null."""
    return At(path, convert, default)


def several(*paths: str, convert: Callable[..., Any]) -> Several:
    """What `convert` makes of the values under these dotted paths, None for each that is absent or null.

    Where all fields say where they come from, nothing else of a long list need be decoded.

    >>> several("first", "last", convert=lambda first, last: f"{first}-{last}")({"first": "a", "last": "b"})
    'a-b'
    """
    return Several(paths, convert)


def dig(payload: Any, path: str) -> Any:
    """The value under a dotted path; None where any step is missing.

    >>> dig({"a": {"b": 1}}, "a.b"), dig({"a": None}, "a.b")
    (1, None)
    """
    for key in path.split("."):
        if not isinstance(payload, dict) and not isinstance(payload, Mapping):
            return None
        payload = payload.get(key)
    return payload


def one_of(table: Mapping[str, F], fallback: F) -> Callable[[Any], F]:
    """A converter that looks a word up, and survives words that do not exist yet, and what is no word at all."""
    return lambda word: table.get(word, fallback) if isinstance(word, str) else fallback


class Shape(Generic[T]):
    """A declared mapping from a payload to a model, a frozen and slotted dataclass.

    Each field is an `at(…)`, `several(…)`, or a function of the whole payload. `ips` stands for both `public_ips` and
    `private_ips`, as a pair. `extra` is filled with the payload itself, less the dotted paths in `hide` (passwords
    that a provider sends along).
    """

    def __init__(self, model: type[T], *, hide: Iterable[str] = (), **fields: Callable[[Any], Any]) -> None:
        self.model = model
        self.fields = fields
        self.keys = _keys_of(fields.values())
        self._hide = tuple(hide)
        defaults = _defaults(model)
        read = [name for field in fields for name in PAIRS.get(field, (field,))]
        _check(model, defaults, read)
        self._make = self._compiled(defaults, [name for name in defaults if name not in read])

    def __call__(self, payload: Any, **context: Any) -> T:
        """The model. `context` fills fields such as `provider` that are not in the payload.

        Raises MalformedResponseError, with the field's name, for what is missing or does not convert.
        """
        get = payload.get if type(payload) is dict else partial(dig, payload)
        try:
            made = self._make(payload, get, context)
        except UNREADABLE as error:
            raise self._unreadable(payload) from error
        made.__class__ = self.model
        return made  # type: ignore[no-any-return]  # the line above says what it is

    def _compiled(self, defaults: Mapping[str, Any], told: Iterable[str]) -> Callable[..., Any]:
        """All fields in one function, as `dataclasses` compile an `__init__`: long lists are made of its calls."""
        lines, arguments, known = (
            ["def make(payload, get, context):"],
            [],
            {"missing": self._missing, "rest": self._rest},
        )
        for place, (field, read) in enumerate(self.fields.items()):
            key, convert, absent = _plain(read)
            known |= {f"convert{place}": convert, f"absent{place}": absent}
            if field in PAIRS:
                known[f"convert{place}"] = _reader(read)
                arguments += [(name, f"value{place}[{number}]") for number, name in enumerate(PAIRS[field])]
                lines.append(f" value{place} = convert{place}(payload)")
                continue
            arguments.append((field, f"value{place}"))
            if key is None:
                lines.append(f" value{place} = convert{place}(payload)")
            else:
                found = f"convert{place}(value{place})" if convert else f"value{place}"
                lines.append(f" value{place} = get({key!r})")
                lines.append(f" value{place} = absent{place} if value{place} is None else {found}")
            known[f"default{place}"] = defaults[field]
            lines.append(f" if value{place} is None: value{place} = missing({field!r}, context, default{place})")
        for name in told:
            known[f"default_{name}"] = defaults[name]
            value = (
                "rest(context.get('extra', payload))" if name == "extra" else f"context.get({name!r}, default_{name})"
            )
            arguments.append((name, value))
        known["opened"] = _opened(self.model, [name for name, _ in arguments])
        lines.append(f" return opened({', '.join(value for _, value in arguments)})")
        exec("\n".join(lines), known)  # noqa: S102 - of names that our own declarations hold
        return known["make"]  # type: ignore[no-any-return]

    def _missing(self, name: str, context: Mapping[str, Any], default: Any) -> Any:
        """What stands for a value that is not there."""
        value = context.get(name, default)
        if value is _NEEDED:
            read = self.fields[name]
            where = f" (looked for at `{read.path}`)" if isinstance(read, At) else ""
            raise MalformedResponseError(f"a {self.model.__name__} without `{name}`{where}")
        return value

    def _unreadable(self, payload: Any) -> MalformedResponseError:
        """Says which field it was that cannot be read."""
        for name, read in self.fields.items():
            try:
                read(payload)
            except UNREADABLE as error:
                return MalformedResponseError(
                    f"a {self.model.__name__} whose `{name}` cannot be read: {type(error).__name__}"
                )
        return MalformedResponseError(f"a {self.model.__name__} that cannot be read")

    def _rest(self, payload: Any) -> FrozenMap[Any]:
        """All that the provider said and may be shown, decoded when it is looked at if that is still to be done."""
        if isinstance(payload, LateMap):
            return LateMap(partial(without, payload), self._hide) if self._hide else payload
        if type(payload) is dict and not self._hide:
            return FrozenMap.over(payload)
        return FrozenMap(without(payload, self._hide)) if isinstance(payload, Mapping) else FrozenMap()


UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What reading a field may raise where a payload is not as it should be."""

PAIRS = {"ips": ("public_ips", "private_ips")}
"""Fields that are read together, since one look tells both."""


def _check(model: type, defaults: Mapping[str, Any], read: Iterable[str]) -> None:
    unknown = set(read) - defaults.keys()
    if unknown:
        raise TypeError(f"{model.__name__} has no field {', '.join(sorted(unknown))}")
    missing = {name for name, default in defaults.items() if default is _NEEDED} - set(read)
    if missing:
        raise TypeError(f"{model.__name__} needs {', '.join(sorted(missing))}")


def _keys_of(fields: Iterable[Callable[[Any], Any]]) -> frozenset[str] | None:
    """The keys of a payload that these fields look at; None where one of them may look anywhere."""
    keys: set[str] = set()
    for read in fields:
        if not isinstance(read, At | Several):
            return None
        paths = (read.path,) if isinstance(read, At) else read.paths
        keys.update(path.partition(".")[0] for path in paths)
    return frozenset(keys)


def _defaults(model: type) -> Mapping[str, Any]:
    """The default of each field; `_NEEDED` where it has none."""
    fields = dataclasses.fields(model)
    if hasattr(model, "__post_init__") or any(each.default_factory is not dataclasses.MISSING for each in fields):
        raise TypeError(f"{model.__name__} is no plain value: it makes some of its fields itself")
    return {each.name: _NEEDED if each.default is dataclasses.MISSING else each.default for each in fields}


def _opened(model: type, order: Iterable[str]) -> type[Any]:
    """A class like the model that takes its fields in this order, and is not frozen.

    An instance of it becomes one of the model when its `__class__` is set. The `__init__` of a frozen dataclass
    would cost as much as all the rest of reading an item.
    """
    opened = dataclasses.make_dataclass(model.__name__, order, slots=True)
    opened(*order).__class__ = model  # raises TypeError for a model that has more than its fields
    return opened


def _plain(read: Callable[[Any], Any]) -> tuple[str | None, Callable[[Any], Any] | None, Any]:
    """The key of a value, what converts it, and what stands for none; or no key, and what reads the whole payload."""
    if isinstance(read, At) and "." not in read.path:
        return read.path, read.convert, None if read.default is _NEEDED else read.default
    return None, _reader(read), None


def _reader(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same, made short where there are no dots to follow."""
    if not isinstance(read, Several) or "." in "".join(read.paths):
        return read
    keys, convert = read.paths, read.convert

    def read_several(payload: Any) -> Any:
        return convert(*map(payload.get, keys)) if type(payload) is dict else read(payload)

    return read_several


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


def keys_of(shape: Callable[..., Any]) -> frozenset[str] | None:
    """The keys of an item that a shape looks at, other than for `extra`; None where that cannot be known."""
    while isinstance(shape, partial):
        shape = shape.func
    return shape.keys if isinstance(shape, Shape) else None


def raw(payload: Any, **context: Any) -> Any:
    """In place of a shape: the payload as it is, for lists that become no model."""
    return payload


# Converters that many providers need.


def _by_first_byte(*networks: str) -> Mapping[int, list[tuple[bytes, bytes]]]:
    """Under the first byte of an address, the networks that it may be in: their lowest and highest address."""
    table: dict[int, list[tuple[bytes, bytes]]] = {}
    for network in map(ip_network, networks):
        lowest, highest = network.network_address.packed, network.broadcast_address.packed
        for first in range(lowest[0], highest[0] + 1):
            table.setdefault(first, []).append((lowest, highest))
    return table


_PRIVATE = {
    4: _by_first_byte("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"),
    16: _by_first_byte("fc00::/7", "fe80::/10"),
}
"""By the length of an address in bytes."""


def is_private(address: str) -> bool:
    """Whether an address cannot be reached from the internet: private, shared, link-local, unique local.

    Raises ValueError for what is no address.

    >>> is_private("10.9.8.7"), is_private("fd00::1"), is_private("203.0.113.77"), is_private("2001:db8::1")
    (True, True, False, False)
    """
    try:
        packed = inet_pton(AF_INET6 if ":" in address else AF_INET, address)
    except (OSError, TypeError):  # nearly always: no address. But one with a zone ("fe80::1%eth0") is
        packed = ip_address(address).packed
    for lowest, highest in _PRIVATE[len(packed)].get(packed[0], ()):  # noqa: SIM110 - any() would take longer than all the rest
        if lowest <= packed <= highest:
            return True
    return False


def by_reach(addresses: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The public ones of these addresses, and the private ones. Raises ValueError for what is no address.

    >>> by_reach(["10.9.8.7", "203.0.113.77", "192.168.0.1"])
    (('203.0.113.77',), ('10.9.8.7', '192.168.0.1'))
    """
    told = {address: is_private(address) for address in addresses}
    return tuple([each for each in told if not told[each]]), tuple([each for each in told if told[each]])


def addresses(found: Iterable[str | None], *, private: bool) -> tuple[str, ...]:
    """Those of these addresses that are private, or are not, each once; what is no address at all is passed over.

    >>> addresses(["10.0.0.7", None, "", "dhcp", "203.0.113.7", "10.0.0.7"], private=True)
    ('10.0.0.7',)
    """
    known = [each for each in dict.fromkeys(found) if each and _is_address(each)]
    return tuple(each for each in known if is_private(each) is private)


def _is_address(text: str) -> bool:
    try:
        is_private(text)
    except ValueError:
        return False
    return True


def timestamp(text: str) -> datetime:
    """An aware datetime from ISO 8601 text; text without a zone is UTC.

    >>> timestamp("2026-03-01T21:14:09")
    datetime.datetime(2026, 3, 1, 21, 14, 9, tzinfo=datetime.timezone.utc)
    """
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else datetime.combine(moment, moment.time(), UTC)


def system_in(name: str) -> tuple[str | None, str | None]:
    """The family and the version of the operating system in an image's name, as far as the name begins with them.

    >>> system_in("CentOS 5.3 (32-bit)"), system_in("Red Hat EL 6.0"), system_in("Arch"), system_in("2nd try")
    (('centos', '5.3'), ('red hat', '6.0'), ('arch', None), (None, None))
    """
    found = re.match(r"\s*(red hat|[a-z]+)\b[^\d(]*(\d[\w.]*)?", name, re.IGNORECASE)
    return (found[1].lower(), found[2]) if found else (None, None)
