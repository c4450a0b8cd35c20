"""Long lists that are decoded item by item, and of an item only what is wanted of it.

A page of a thousand nodes is most of what a program that lists them pays for. So its outline is read first: where
each item begins and ends, and what stands around the list, which tells the next page. The items follow, a few at a
time, each into the fields that a model is made of; what is left of it is decoded if somebody looks.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, TypedDict, overload

from msgspec import MsgspecError, Raw
from msgspec.json import Decoder

from aiocloud.errors import MalformedResponseError

LONG_LIST = 16 * 1024
"""From how many bytes on a list inside a page is left for later."""


class Undecoded(Sequence[Any]):
    """The items of a list, each decoded whenever it is looked at.

    Looking at an item that turns out not to be in the format is a ValueError.
    """

    @abstractmethod
    def parts(self, keys: frozenset[str] | None) -> Iterator[tuple[Any, Any]]:
        """Each item, or at least what it has under these keys; and the source of all of it, for `loader`.

        None for `keys` stands for all there are. Where the source is None, the item is whole, and may be kept as it is.
        """

    @abstractmethod
    def loader(self) -> Callable[[Any], Mapping[str, Any]]:
        """What makes a whole item of its source, as often as one likes. It holds nothing of the list."""


class JsonItems(Undecoded):
    """The items of a JSON array, of which this is the text. `whole` decodes one of them."""

    def __init__(self, text: bytes | Raw, whole: Callable[[bytes], Any]) -> None:
        """Raises MsgspecError for what is no array."""
        self._text = text
        self._items = _ITEMS.decode(text)
        self._whole = whole

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self._whole(bytes(item)) for item in self._items[index]]
        return self._whole(bytes(self._items[index]))

    def parts(self, keys: frozenset[str] | None) -> Iterator[tuple[Any, Any]]:
        """Each item less what nobody has asked for, with its bytes."""
        try:
            parts = None if keys is None else _decoder_of(keys).decode(self._text)
        except (MsgspecError, UnicodeDecodeError):  # items that are no objects, or that only the whole reader can judge
            parts = None
        if parts is None:
            for item in self:
                yield item, None
            return
        for part, raw in zip(parts, self._items, strict=True):
            yield part, raw.copy()  # bytes of its own: what is kept must not keep its page

    def loader(self) -> Callable[[Any], Mapping[str, Any]]:
        """What decodes an item's bytes."""
        return partial(_loaded, self._whole)


def _loaded(whole: Callable[[bytes], Any], raw: Raw) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = whole(bytes(raw))
    except ValueError as error:
        raise MalformedResponseError("an item of a list that is not JSON where nobody had looked yet") from error
    return found


class Flattened(Undecoded):
    """The members of all the lists that the items of a list have under a name."""

    def __init__(self, items: Undecoded, name: str) -> None:
        self._items = items
        self._name = name

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return list(self)[index]

    def __iter__(self) -> Iterator[Any]:
        return _members(self._items, self._name)

    def parts(self, keys: frozenset[str] | None) -> Iterator[tuple[Any, Any]]:
        """Each member, with its item's source and its place there."""
        for item, source in self._items.parts(None):
            for place, member in enumerate(item.get(self._name) or ()):
                yield member, None if source is None else (source, place)

    def loader(self) -> Callable[[Any], Mapping[str, Any]]:
        """What reads an item again for the sake of one member."""
        return partial(_member_loaded, self._items.loader(), self._name)


def _members(items: Iterable[Any], name: str) -> Iterator[Any]:
    return (member for item in items for member in item.get(name) or ())


def _member_loaded(load: Callable[[Any], Mapping[str, Any]], name: str, source: tuple[Any, int]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = load(source[0])[name][source[1]]
    return found


def flattened(items: Sequence[Any] | None, name: str) -> Iterable[Any]:
    """The members of all the lists that these items have under a name.

    >>> list(flattened([{"nodes": [1, 2]}, {"nodes": None}, {"nodes": [3]}], "nodes"))
    [1, 2, 3]
    """
    return Flattened(items, name) if isinstance(items, Undecoded) else _members(items or (), name)


def outline_of_json(body: bytes, whole: Callable[[bytes], Any]) -> Any:
    """The payload of a body; long arrays in it, or it itself, are `JsonItems`. `whole` decodes a body as it is."""
    try:
        if body.lstrip().startswith(b"["):
            return JsonItems(body, whole)
        return {key: _member(value, whole) for key, value in _OUTLINE.decode(body).items()}
    except (MsgspecError, UnicodeDecodeError):
        return whole(body)


def _member(value: Raw, whole: Callable[[bytes], Any]) -> Any:
    text = memoryview(value)
    return JsonItems(value, whole) if len(text) > LONG_LIST and text[0] == ord("[") else whole(bytes(text))


_OUTLINE = Decoder(dict[str, Raw])
_ITEMS = Decoder(list[Raw])


@lru_cache(maxsize=256)
def _decoder_of(keys: frozenset[str]) -> Decoder[list[dict[str, Any]]]:
    """What decodes objects into dictionaries of these keys, as far as they have them, and passes over the others."""
    part = TypedDict("part", dict.fromkeys(sorted(keys), Any), total=False)  # type: ignore[misc]  # keys that are known only now
    return Decoder(list[part])
