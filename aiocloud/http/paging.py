"""Lists that come in pages: `Pager`, and the ways in which one page leads to the next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from asyncio import sleep
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from math import ceil
from typing import Any, Generic, TypeAlias, TypeVar

from yarl import URL

from aiocloud.errors import CloudError, NotFoundError, PagingError
from aiocloud.http.message import Response
from aiocloud.http.together import together
from aiocloud.mapping import dig

T = TypeVar("T")
R = TypeVar("R")

Params: TypeAlias = Mapping[str, str]
"""What tells one page from another: the part of a request that paging changes."""

WINDOW = 8
"""Pages asked for at once, where the first tells how many there are."""

SLICE = 200
"""Items that become models before the event loop has its turn."""

_NONE: Any = object()


@dataclass(frozen=True, slots=True)
class Page:
    """One answer's worth of a list, still undigested."""

    params: Params
    response: Response
    payload: Any


class Paging(ABC):
    """How pages follow one another."""

    @abstractmethod
    def first(self) -> Params:
        """The parameters of the first page."""

    @abstractmethod
    def following(self, page: Page) -> Params | None:
        """The parameters of the page after this one; None after the last."""

    def rest(self, first: Page) -> Iterable[Params] | None:
        """The parameters of all pages but the first, where that one tells; None where it does not.

        Where it does, pages are places in the list: an empty one, or one that is no longer there, is its end.
        """
        return None


@dataclass(frozen=True, slots=True)
class OnePage(Paging):
    """Everything in one answer."""

    def first(self) -> Params:
        """Nothing to add."""
        return {}

    def following(self, page: Page) -> Params | None:
        """There is none."""
        return None


@dataclass(frozen=True, slots=True)
class TokenPaging(Paging):
    """The answer holds, under dotted `path`, a token that the next request sends as `param`."""

    path: str
    param: str
    size: Params | None = None

    def first(self) -> Params:
        """The page size, where one is asked for."""
        return self.size or {}

    def following(self, page: Page) -> Params | None:
        """The token, if there is one."""
        token = dig(page.payload, self.path)
        return {**self.first(), self.param: str(token)} if token else None


@dataclass(frozen=True, slots=True)
class NumberedPaging(Paging):
    """Pages have numbers, from `start`, and each says (under dotted `pages`) how many there are."""

    param: str
    pages: str
    size: Params | None = None
    start: int = 1

    def first(self) -> Params:
        """The page that `start` names."""
        return {**(self.size or {}), self.param: str(self.start)}

    def following(self, page: Page) -> Params | None:
        """The next number, up to the last."""
        number = int(page.params[self.param]) + 1
        return {**page.params, self.param: str(number)} if number < self._end(page) else None

    def rest(self, first: Page) -> Iterable[Params]:
        """All the numbers after the first; not a list of them, since the count may be a lie."""
        return ({**first.params, self.param: str(number)} for number in range(self.start + 1, self._end(first)))

    def _end(self, page: Page) -> int:
        return self.start + int(dig(page.payload, self.pages) or 1)


@dataclass(frozen=True, slots=True)
class CountedPaging(Paging):
    """Pages have numbers, and each says how many things there are on all of them.

    `limit` is how many are on one, which the parameter `size` asks for. How many there are in all stands in the header
    `header`, or under dotted `total`. Where neither tells, a page whose `items` are fewer than the limit is the last.
    """

    limit: int
    total: str
    size: str = "per_page"
    header: str = ""
    items: str = ""

    def first(self) -> Params:
        """The first page, as long as can be."""
        return {self.size: str(self.limit), "page": "1"}

    def following(self, page: Page) -> Params | None:
        """The next number, up to the last."""
        number, total = int(page.params["page"]), self._total(page)
        more = number * self.limit < total if total is not None else len(page.payload[self.items]) >= self.limit
        return {**page.params, "page": str(number + 1)} if more else None

    def rest(self, first: Page) -> Iterable[Params] | None:
        """All the numbers after the first; not a list of them, since the count may be a lie."""
        total = self._total(first)
        if total is None:
            return None
        return ({**first.params, "page": str(number)} for number in range(2, ceil(total / self.limit) + 1))

    def _total(self, page: Page) -> int | None:
        told = page.response.headers.get(self.header) if self.header else None
        told = told or dig(page.payload, self.total)
        return int(told) if told is not None else None


@dataclass(frozen=True, slots=True)
class LinkPaging(Paging):
    """The answer holds a link to the next page.

    `link` is its dotted path, or a function of the payload. Only the query of the link is followed, on our own
    URL, so that a link to another host, or to plain HTTP, takes no credentials there.
    """

    link: str | Callable[[Any], str | None]
    size: Params | None = None

    def first(self) -> Params:
        """The page size, where one is asked for."""
        return self.size or {}

    def following(self, page: Page) -> Params | None:
        """The query of the link, if there is one."""
        link = self.link(page.payload) if callable(self.link) else dig(page.payload, self.link)
        return dict(URL(link).query) if link else None


@dataclass(frozen=True, slots=True)
class OffsetPaging(Paging):
    """Offset and limit; the header `total` says how long the list is.

    Where the header is missing, a page shorter than the limit is the last.
    """

    limit: int
    total: str

    def first(self) -> Params:
        """From the beginning."""
        return {"offset": "0", "limit": str(self.limit)}

    def following(self, page: Page) -> Params | None:
        """The next offset."""
        offset = int(page.params["offset"]) + self.limit
        total = self._total(page)
        more = offset < total if total is not None else _length(page) >= self.limit
        return {**page.params, "offset": str(offset)} if more else None

    def rest(self, first: Page) -> Iterable[Params] | None:
        """All the offsets up to the total."""
        total = self._total(first)
        if total is None:
            return None
        return ({**first.params, "offset": str(offset)} for offset in range(self.limit, total, self.limit))

    def _total(self, page: Page) -> int | None:
        """The total; None where there is none, or one that the page itself belies."""
        text = page.response.headers.get(self.total, "")
        total = int(text) if text.isdecimal() else -1
        return total if total >= int(page.params["offset"]) + _length(page) else None


@dataclass(frozen=True, slots=True)
class _Batch:
    """Pages that came together, and whether there is anything to be asked for after them."""

    pages: Sequence[Page]
    more: bool


def _length(page: Page) -> int:
    return len(page.payload) if isinstance(page.payload, Sequence) else 0


class Pager(Generic[T]):
    """A list that can be awaited whole, or read while it arrives.

    `await pager` fetches all pages, several at once where the first one tells how many there are.
    `async for item in pager` fetches a page when the one before is read; leaving the loop fetches no more.
    A pager may be used again: it then asks again. Raises what the call raises; a list that leads back to a
    page that it had already is a PagingError.
    """

    def __init__(self, pages: Callable[[int], AsyncIterator[Sequence[T]]]) -> None:
        """`pages(window)` yields the items page by page, asking for up to `window` pages at once."""
        self._pages = pages

    def __await__(self) -> Generator[Any, Any, list[T]]:
        """All items."""
        return self._collect().__await__()

    async def __aiter__(self) -> AsyncIterator[T]:
        """The items, one by one."""
        async for page in self.pages():
            for item in page:
                yield item

    def pages(self, window: int = 1) -> AsyncIterator[Sequence[T]]:
        """The items as they come: a page, or a part of a long one, at a time."""
        return self._pages(window)

    async def _collect(self) -> list[T]:
        return [item async for page in self.pages(WINDOW) for item in page]

    @classmethod
    def of(cls, items: Callable[[], Awaitable[Sequence[T]]]) -> Pager[T]:
        """A pager over one page that `items` fetches."""

        async def pages(window: int) -> AsyncIterator[Sequence[T]]:
            yield await items()

        return cls(pages)

    @classmethod
    def chain(cls, pagers: Callable[[], Awaitable[Sequence[Pager[T]]]]) -> Pager[T]:
        """One list after the other; awaited, up to `WINDOW` of them are fetched at once, order kept."""

        async def pages(window: int) -> AsyncIterator[Sequence[T]]:
            todo = list(await pagers())
            if window == 1:
                for pager in todo:
                    async for page in pager.pages():
                        yield page
                return
            for begin in range(0, len(todo), window):
                for items in await together(*[pager._collect for pager in todo[begin : begin + window]]):
                    yield items

        return cls(pages)


def pager(
    fetch: Callable[[Params], Awaitable[tuple[Response, Any]]],
    read: Callable[[Any], Iterable[T]],
    paging: Paging,
    *,
    stamp: Callable[[CloudError], CloudError] = lambda error: error,
) -> Pager[T]:
    """A pager: `fetch` gets the page with these parameters, `read` takes the items from its payload, `stamp` says of
    an error whose it is.

    Awaited, the next pages are on their way while those before them are read. Every `SLICE` items the event loop has
    its turn. A list that changes while it is read is read to its new end; what moves from one page to another
    meanwhile may be seen twice, or not at all.
    """
    return Pager(_Reading(fetch, read, paging, stamp).pages)


@dataclass(frozen=True, slots=True)
class _Reading(Generic[T]):
    fetch: Callable[[Params], Awaitable[tuple[Response, Any]]]
    read: Callable[[Any], Iterable[T]]
    paging: Paging
    stamp: Callable[[CloudError], CloudError]

    async def pages(self, window: int) -> AsyncIterator[Sequence[T]]:
        """The items, a page at a time; in slices, where nothing is on its way meanwhile."""
        first = await self._get(self.paging.first())
        rest = self._told(self.paging.rest, first)
        if rest is None and not self._leads_on(first):  # as most lists are
            async for items in self._slices(first):
                yield items
            return
        async with aclosing(self._batches(first, rest, window)) as batches:
            batch = await anext(batches, None)
            while batch is not None:
                following: _Batch | CloudError | None = None
                if window > 1 and batch.more:
                    following, found = await together(partial(self._ahead, batches), partial(self._read_all, batch))
                    for items in found:
                        yield items
                else:  # who may leave at any item asks for no more than he reads
                    for page in batch.pages:
                        async for items in self._slices(page):
                            yield items
                if isinstance(following, CloudError):
                    raise following
                batch = following or await anext(batches, None)

    async def _ahead(self, batches: AsyncIterator[_Batch]) -> _Batch | CloudError | None:
        """The pages after those that are read meanwhile, or why there are none: what is there is handed out first."""
        try:
            return await anext(batches, None)
        except CloudError as error:
            return error

    async def _read_all(self, batch: _Batch) -> Sequence[Sequence[T]]:
        return [await self._read(page) for page in batch.pages]

    async def _read(self, page: Page) -> Sequence[T]:
        return [item async for items in self._slices(page) for item in items]

    async def _slices(self, page: Page) -> AsyncIterator[Sequence[T]]:
        """The items of a page, of which no more than a slice is held here."""
        unread = iter(self.read(page.payload))
        while items := list(islice(unread, SLICE)):
            yield items
            if len(items) < SLICE:
                return
            await sleep(0)

    async def _batches(self, page: Page, rest: Iterable[Params] | None, window: int) -> AsyncGenerator[_Batch, None]:
        """The pages, as many together as come at once. Where pages are places in the list, empty ones are its end."""
        numbered = rest is not None
        ahead = iter(rest) if rest is not None and window > 1 else iter(())
        wanted = list(islice(ahead, window))
        yield _Batch([page], bool(wanted) or self._leads_on(page))
        while wanted:
            batch = [each for each in await self._get_all(wanted) if each is not None]
            ends = len(batch) < len(wanted) or all(map(self._is_empty, batch))
            wanted = list(islice(ahead, window))
            yield _Batch(batch, not ends and (bool(wanted) or self._leads_on(batch[-1])))
            if ends:
                return
            page = batch[-1]
        # One after the other; or what was added while the pages that were promised were read.
        seen = {frozenset(page.params.items())}
        while (params := self._following(page)) is not None:
            mark = frozenset(params.items())
            if mark in seen:
                raise self.stamp(PagingError("the list leads back to a page that it had already"))
            seen.add(mark)
            later = await (self._get_if_there(params) if numbered else self._get(params))
            if later is None:
                return
            page = later
            ends = numbered and self._is_empty(page)
            yield _Batch([page], not ends and self._leads_on(page))
            if ends:
                return

    def _is_empty(self, page: Page) -> bool:
        try:
            return next(iter(self.read(page.payload)), _NONE) is _NONE
        except CloudError:
            return False  # nor is it in order, as whoever reads it will be told

    def _leads_on(self, page: Page) -> bool:
        try:
            return self._following(page) is not None
        except CloudError:
            return True  # to a page that cannot be asked for: what there is is handed out first

    async def _get(self, params: Params) -> Page:
        response, payload = await self.fetch(params)
        return Page(params, response, payload)

    async def _get_all(self, wanted: Sequence[Params]) -> Sequence[Page | None]:
        return await together(*[partial(self._get_if_there, params) for params in wanted])

    async def _get_if_there(self, params: Params) -> Page | None:
        """The page; None if the list has become so short that there is none, as its first page tells now."""
        try:
            return await self._get(params)
        except NotFoundError:
            first = await self._get(self.paging.first())
            if params in (self._told(self.paging.rest, first) or [params]):
                raise
            return None

    def _following(self, page: Page) -> Params | None:
        return self._told(self.paging.following, page)

    def _told(self, ask: Callable[[Page], R], page: Page) -> R:
        """What a page tells of the others. Raises PagingError if it makes no sense."""
        try:
            return ask(page)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise self.stamp(PagingError("a page does not tell what follows it")) from error
