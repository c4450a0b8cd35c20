"""Long lists that are decoded item by item, and of an item only what is wanted of it.

A page of a thousand nodes is most of what a program that lists them pays for. So its outline is read first: where
each item begins and ends, and what stands around the list, which tells the next page. The items follow, a few at a
time, each into the fields that a model is made of; what is left of it is decoded if somebody looks.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
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
        """Each item, one after the other; and, where that holds no more than these keys, all of it, still to be decoded.

        None for `keys` stands for all there are.
        """


class JsonItems(Undecoded):
    """The items of a JSON array. `whole` decodes one of them."""

    def __init__(self, items: Sequence[Raw], whole: Callable[[bytes], Any]) -> None:
        self._items = items
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
        if keys is None:
            for item in self:
                yield item, None
            return
        decode = _decoder_of(keys).decode
        for item in self._items:
            try:
                part = decode(item)
            except (MsgspecError, UnicodeDecodeError):  # no object, or something that only the whole reader judges
                yield self._whole(bytes(item)), None
            else:
                yield part, LateMap(_Later(item.copy(), self._whole))


class _Later:
    """What is left of an item, with bytes of its own: a node that is kept must not keep its page."""

    __slots__ = ("_item", "_whole")

    def __init__(self, item: Raw, whole: Callable[[bytes], Any]) -> None:
        self._item = item
        self._whole = whole

    def __call__(self) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = self._whole(bytes(self._item))
        except ValueError as error:
            raise MalformedResponseError("an item of a list that is not JSON where nobody had looked yet") from error
        return found


def outline_of_json(body: bytes, whole: Callable[[bytes], Any]) -> Any:
    """The payload of a body; long arrays in it, or it itself, are `JsonItems`. `whole` decodes a body as it is."""
    try:
        outline = _OUTLINE.decode(body)
        if isinstance(outline, list):
            return JsonItems(outline, whole)
        return {key: _member(value, whole) for key, value in outline.items()}
    except (MsgspecError, UnicodeDecodeError):
        return whole(body)


def _member(value: Raw, whole: Callable[[bytes], Any]) -> Any:
    text = bytes(value)
    if len(text) > LONG_LIST and text.startswith(b"["):
        return JsonItems(_ITEMS.decode(text), whole)
    return whole(text)


_OUTLINE = Decoder(dict[str, Raw] | list[Raw])
_ITEMS = Decoder(list[Raw])


@lru_cache(maxsize=256)
def _decoder_of(keys: frozenset[str]) -> Decoder[dict[str, Any]]:
    """What decodes an object into a dictionary of these keys, as far as it has them, and passes over the others."""
    return Decoder(TypedDict("Part", dict.fromkeys(sorted(keys), Any), total=False))  # type: ignore[operator,misc]  # made of keys that are known only now
