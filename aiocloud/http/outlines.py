"""Long lists that are decoded item by item, and of an item only what is wanted of it.

A page of a thousand nodes is most of what a program that lists them pays for. So its outline is read first: where
each item begins and ends, and what stands around the list, which tells the next page. The items follow, a few at a
time, each into the fields that a model is made of; what is left of it is decoded if somebody looks.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, TypedDict, overload

from msgspec import MsgspecError, Raw
from msgspec.json import Decoder

from aiocloud.errors import MalformedResponseError
from aiocloud.values import LateMap

LONG_LIST = 16 * 1024
"""From how many bytes on a list inside a page is left for later."""


class Undecoded(Sequence[Any]):
    """The items of a list, each decoded whenever it is looked at.

    Looking at an item that turns out not to be in the format is a ValueError.
    """

    @abstractmethod
    def parts(self, keys: frozenset[str] | None) -> Iterator[tuple[Any, Mapping[str, Any] | None]]:
        """Each item; and, where that holds no more than these keys, all of it, still to be decoded.

        None for `keys` stands for all there are.
        """


class JsonItems(Undecoded):
    """The items of a JSON array, of which this is the text. `whole` decodes one of them."""

    def __init__(self, text: bytes, whole: Callable[[bytes], Any]) -> None:
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

    def parts(self, keys: frozenset[str] | None) -> Iterator[tuple[Any, Mapping[str, Any] | None]]:
        """Each item less what nobody has asked for, and the rest of it for later."""
        try:
            parts = None if keys is None else _decoder_of(keys).decode(self._text)
        except (MsgspecError, UnicodeDecodeError):  # items that are no objects, or that only the whole reader can judge
            parts = None
        if parts is None:
            for item in self:
                yield item, None
            return
        later = partial(_later, self._whole)
        for part, item in zip(parts, self._items, strict=True):
            yield part, LateMap(later, item.copy())  # with bytes of its own: what is kept must not keep its page


def _later(whole: Callable[[bytes], Any], item: Raw) -> Mapping[str, Any]:
    """What is in an item that somebody has looked into."""
    try:
        found: Mapping[str, Any] = whole(bytes(item))
    except ValueError as error:
        raise MalformedResponseError("an item of a list that is not JSON where nobody had looked yet") from error
    return found


def outline_of_json(body: bytes, whole: Callable[[bytes], Any]) -> Any:
    """The payload of a body; long arrays in it, or it itself, are `JsonItems`. `whole` decodes a body as it is."""
    try:
        if body.lstrip().startswith(b"["):
            return JsonItems(body, whole)
        return {key: _member(bytes(value), whole) for key, value in _OUTLINE.decode(body).items()}
    except (MsgspecError, UnicodeDecodeError):
        return whole(body)


def _member(value: bytes, whole: Callable[[bytes], Any]) -> Any:
    return JsonItems(value, whole) if len(value) > LONG_LIST and value.startswith(b"[") else whole(value)


_OUTLINE = Decoder(dict[str, Raw])
_ITEMS = Decoder(list[Raw])


@lru_cache(maxsize=256)
def _decoder_of(keys: frozenset[str]) -> Decoder[list[dict[str, Any]]]:
    """What decodes objects into dictionaries of these keys, as far as they have them, and passes over the others."""
    part = TypedDict("part", dict.fromkeys(sorted(keys), Any), total=False)  # type: ignore[misc]  # keys that are known only now
    return Decoder(list[part])
