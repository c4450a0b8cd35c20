"""Two small values that models and credentials are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

V = TypeVar("V", covariant=True)


class FrozenMap(Mapping[str, V]):
    """A read-only mapping that can be hashed, compared and pickled.

    >>> FrozenMap(role="web")
    FrozenMap({'role': 'web'})
    >>> FrozenMap({"a": 1}) == {"a": 1}
    True
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, V] | None = None, /, **more: Any) -> None:
        self._items: dict[str, V] = {**(items or {}), **more}

    @classmethod
    def over(cls, items: Mapping[str, V]) -> FrozenMap[V]:
        """One over a mapping that nobody else will change: it is not copied.

        >>> FrozenMap.over({"role": "web"})
        FrozenMap({'role': 'web'})
        """
        made = cls.__new__(cls)
        made._items = items if isinstance(items, dict) else dict(items)
        return made

    def __getitem__(self, key: str) -> V:
        return self._items[key]

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"FrozenMap({self._items!r})"


class LateMap(FrozenMap[V]):
    """One that is filled when somebody first looks into it, by what `load` makes of `source`.

    >>> LateMap(lambda source: {"role": source}, "web")
    FrozenMap({'role': 'web'})
    """

    __slots__ = ("_load", "_source")

    def __init__(self, load: Callable[[Any], Mapping[str, V]], source: Any, /) -> None:
        self._load = load
        self._source = source

    def __getattr__(self, name: str) -> Any:
        """`_items`, as long as there are none."""
        if name != "_items":
            raise AttributeError(name)
        self._items = dict(self._load(self._source))
        self._load = self._source = None  # type: ignore[assignment]  # they are not needed any more
        return self._items

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenMap, (self._items,)


class Secret:
    """A password, key or token that no repr, format or log shows.

    >>> password = Secret("tide")
    >>> f"{password} {password!r}"
    "*** Secret('***')"
    >>> password.reveal()
    'tide'
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret('***')"
