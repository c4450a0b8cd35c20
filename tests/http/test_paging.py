"""Lists in pages: complete, lazy, concurrent where they can be, and never endless."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from aiocloud.errors import CloudError, ConnectError, MalformedResponseError, NotFoundError, PagingError
from aiocloud.http.client import Api, Client
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.http.paging import (
    SLICE,
    CountedPaging,
    LinkPaging,
    NumberedPaging,
    OffsetPaging,
    OnePage,
    Pager,
    Paging,
    Params,
    TokenPaging,
    pager,
)
from aiocloud.mapping import raw
from aiocloud.simulators.virtualtime import run

ITEMS = list(range(25))


class Book:
    """A list of 25 items in pages of ten, each of which takes a second, in any of the fashions."""

    def __init__(self, answer: Callable[[Params], tuple[Response, Any]]) -> None:
        self.answer = answer
        self.asked: list[Params] = []

    async def __call__(self, params: Params) -> tuple[Response, Any]:
        self.asked.append(params)
        await anyio.sleep(1)
        return self.answer(params)


def numbered(params: Params) -> tuple[Response, Any]:
    page = int(params["page"])
    return Response(status=200), {"items": ITEMS[10 * (page - 1) : 10 * page], "pages": 3}


def by_token(params: Params) -> tuple[Response, Any]:
    start = int(params.get("token", 0))
    more = {"next": str(start + 10)} if start + 10 < len(ITEMS) else {}
    return Response(status=200), {"items": ITEMS[start : start + 10], **more}


def by_link(params: Params) -> tuple[Response, Any]:
    start = int(params.get("marker", 0))
    link = f"http://elsewhere.example/items?limit=10&marker={start + 10}" if start + 10 < len(ITEMS) else None
    return Response(status=200), {"items": ITEMS[start : start + 10], "next": link}


def by_offset(params: Params) -> tuple[Response, Any]:
    start, limit = int(params["offset"]), int(params["limit"])
    total = headers_of({"total-items": "25"})
    return Response(status=200, headers=total), {"items": ITEMS[start : start + limit]}


def counted(params: Params) -> tuple[Response, Any]:
    answer, body = numbered(params)
    return answer, {"items": body["items"], "meta": {"total": 25}}


def counted_in_a_header(params: Params) -> tuple[Response, Any]:
    return Response(status=200, headers=headers_of({"X-Total": "25"})), {"items": numbered(params)[1]["items"]}


def uncounted(params: Params) -> tuple[Response, Any]:
    return Response(status=200), {"items": numbered(params)[1]["items"]}


COUNTED = CountedPaging(10, total="meta.total", header="X-Total", items="items")
FASHIONS = [
    pytest.param(counted, COUNTED, id="counted"),
    pytest.param(counted_in_a_header, COUNTED, id="counted in a header"),
    pytest.param(uncounted, COUNTED, id="not counted"),
    pytest.param(numbered, NumberedPaging("page", "pages"), id="numbered"),
    pytest.param(by_token, TokenPaging("next", "token"), id="token"),
    pytest.param(by_link, LinkPaging("next"), id="link"),
    pytest.param(by_offset, OffsetPaging(10, "total-items"), id="offset"),
]


def pages_of(book: Book, paging: Paging) -> Pager[int]:
    return pager(book, lambda payload: list(payload["items"]), paging)


async def whole(pages: Pager[int]) -> list[int]:
    return await pages


@pytest.mark.parametrize(("answer", "paging"), FASHIONS)
def test_awaiting_gives_everything_in_order(answer: Any, paging: Paging) -> None:
    assert run(whole(pages_of(Book(answer), paging))) == ITEMS


@pytest.mark.parametrize(("answer", "paging"), FASHIONS)
def test_iterating_gives_the_same(answer: Any, paging: Paging) -> None:
    async def read() -> list[int]:
        return [item async for item in pages_of(Book(answer), paging)]

    assert run(read()) == ITEMS


@pytest.mark.parametrize(("answer", "paging"), FASHIONS)
def test_leaving_the_loop_early_fetches_no_more(answer: Any, paging: Paging) -> None:
    book = Book(answer)

    async def read() -> None:
        async for item in pages_of(book, paging):
            if item == 3:
                break
        await anyio.sleep(60)

    run(read())
    assert len(book.asked) == 1


def test_the_next_page_is_on_its_way_before_this_one_is_read() -> None:
    happened: list[str] = []

    async def fetch(params: Params) -> tuple[Response, Any]:
        happened.append(f"ask {params.get('token', 0)}")
        return by_token(params)

    def read(payload: Any) -> Any:
        for item in payload["items"]:
            happened.append(f"read {item}")
            yield item

    run(whole(pager(fetch, read, TokenPaging("next", "token"))))
    assert happened[:3] == ["ask 0", "ask 10", "read 0"]
    assert happened.index("ask 20") < happened.index("read 10")


def test_a_page_that_cannot_be_had_does_not_take_with_it_the_one_before() -> None:
    async def fetch(params: Params) -> tuple[Response, Any]:
        if "token" in params:
            raise ConnectError("cut")
        return by_token(params)

    pages = pager(fetch, lambda payload: list(payload["items"]), TokenPaging("next", "token")).pages(8)

    async def go() -> Sequence[int]:
        first = await anext(pages)
        with pytest.raises(ConnectError):
            await anext(pages)
        return first

    assert run(go()) == ITEMS[:10]


def test_the_event_loop_has_its_turns_while_a_long_page_is_read() -> None:
    async def fetch(params: Params) -> tuple[Response, Any]:
        return Response(status=200), list(range(10 * SLICE))

    turns: list[int] = []

    def read(payload: Any) -> Any:
        for item in payload:
            turns.append(ticks)
            yield item

    ticks = 0

    async def go() -> list[int]:
        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.ensure_future(tick())
        items = await pager(fetch, read, OnePage())
        ticking.cancel()
        return items

    assert run(go()) == list(range(10 * SLICE))
    assert max(turns.count(tick) for tick in set(turns)) <= SLICE


@pytest.mark.parametrize(
    ("answer", "paging", "seconds"),
    [
        (numbered, NumberedPaging("page", "pages"), 2),
        (counted, COUNTED, 2),
        (counted_in_a_header, COUNTED, 2),
        (uncounted, COUNTED, 3),
        (by_token, TokenPaging("next", "token"), 3),
    ],
)
def test_pages_whose_number_is_known_are_fetched_at_once(answer: Any, paging: Paging, seconds: float) -> None:
    async def go() -> float:
        await pages_of(Book(answer), paging)
        return anyio.current_time()

    assert run(go()) == seconds


def test_a_list_that_leads_in_a_circle_is_an_error_and_not_a_loop() -> None:
    def circle(params: Params) -> tuple[Response, Any]:
        return Response(status=200), {"items": [1], "next": "again"}

    with pytest.raises(PagingError):
        run(whole(pages_of(Book(circle), TokenPaging("next", "token"))))


def test_one_page_that_fails_fails_the_list_and_stops_the_others() -> None:
    def broken(params: Params) -> tuple[Response, Any]:
        if params["page"] == "2":
            raise ConnectError("cut")
        return numbered(params)

    async def go() -> None:
        with pytest.raises(ConnectError, match="cut"):
            await pages_of(Book(broken), NumberedPaging("page", "pages"))

    run(go())


def test_an_empty_list_is_empty() -> None:
    empty = Book(lambda params: (Response(status=200), {"items": []}))
    assert run(whole(pages_of(empty, OnePage()))) == []


def test_chained_lists_keep_their_order_and_are_fetched_together() -> None:
    async def go() -> tuple[list[int], float]:
        async def both() -> list[Pager[int]]:
            return [pages_of(Book(by_token), TokenPaging("next", "token")) for _ in range(3)]

        return await Pager.chain(both), anyio.current_time()

    assert run(go()) == (ITEMS * 3, 3.0)


class Shelf:
    """A numbered list, ten a page, that changes after the first page was read; pages beyond the last are a 404."""

    def __init__(self, before: int, after: int, *, broken: str = "") -> None:
        self.length = before
        self.after = after
        self.broken = broken
        self.asked: list[str] = []

    async def __call__(self, params: Params) -> tuple[Response, Any]:
        number = int(params["page"])
        self.asked.append(params["page"])
        await anyio.sleep(1)
        pages = max(1, -(-self.length // 10))
        if number > pages or params["page"] == self.broken:
            raise NotFoundError("no such page", status=404)
        items = list(range(self.length))[10 * (number - 1) : 10 * number]
        self.length = self.after
        return Response(status=200), {"items": items, "pages": pages}


@pytest.mark.parametrize(("before", "after"), [(25, 25), (25, 95), (95, 15), (95, 0), (10, 11), (300, 400)])
@pytest.mark.parametrize("how", ["awaited", "iterated"])
def test_a_numbered_list_that_grows_or_shrinks_is_read_to_its_new_end(before: int, after: int, how: str) -> None:
    shelf = Shelf(before, after)
    pages = pager(shelf, lambda payload: list(payload["items"]), NumberedPaging("page", "pages"))

    async def read() -> list[int]:
        return await pages if how == "awaited" else [item async for item in pages]

    only_page = before <= 10  # it was read, and said that it was the last, before the list grew
    assert run(read()) == list(range(10 if only_page else max(after, 10)))


def test_a_page_that_is_missing_in_the_middle_is_an_error_and_no_end() -> None:
    shelf = Shelf(55, 55, broken="3")
    with pytest.raises(NotFoundError):
        run(whole(pager(shelf, lambda payload: list(payload["items"]), NumberedPaging("page", "pages"))))


@pytest.mark.parametrize("pages", [10**15, "1000000000"])
def test_a_count_that_lies_costs_one_window_of_requests_and_no_memory(pages: Any) -> None:
    book = Book(lambda params: (Response(status=200), {"items": [1] if params["page"] == "1" else [], "pages": pages}))
    assert run(whole(pages_of(book, NumberedPaging("page", "pages")))) == [1]
    assert len(book.asked) <= 10


@pytest.mark.parametrize("total", ["0", "-5", "3", "nonsense", "", "999999999999"])
@pytest.mark.parametrize("how", ["awaited", "iterated"])
def test_a_total_that_lies_loses_no_item(total: str, how: str) -> None:
    def answer(params: Params) -> tuple[Response, Any]:
        start, limit = int(params["offset"]), int(params["limit"])
        return Response(status=200, headers=headers_of({"total": total})), ITEMS[start : start + limit]

    book = Book(answer)
    pages = pager(book, lambda payload: list(payload), OffsetPaging(10, "total"))

    async def read() -> list[int]:
        return await pages if how == "awaited" else [item async for item in pages]

    assert run(read()) == ITEMS
    assert len(book.asked) <= 1 + 8 + 8


def test_an_empty_page_in_the_middle_does_not_end_a_list_of_tokens() -> None:
    def answer(params: Params) -> tuple[Response, Any]:
        pages = {"": ([1], "a"), "a": ([], "b"), "b": ([2], "")}
        items, following = pages[params.get("token", "")]
        return Response(status=200), {"items": items, "next": following}

    assert run(whole(pages_of(Book(answer), TokenPaging("next", "token")))) == [1, 2]


def client(payload: Any, paging: Paging) -> Client:
    async def network(request: Request) -> Response:
        return Response(status=200, body=json.dumps(payload).encode())

    now = lambda: datetime(2026, 3, 1, tzinfo=UTC)  # noqa: E731 - a clock that stands
    api = Api(base_url="https://api.example", paging=paging)
    return Client(api, network, provider="quay", account="prod", now=now)


@pytest.mark.parametrize(
    ("payload", "paging", "kind"),
    [
        ({"items": [1], "next": "again"}, TokenPaging("next", "token"), PagingError),
        ({"items": [1], "pages": "many"}, NumberedPaging("page", "pages"), PagingError),
        ({"items": [1], "pages": {}}, NumberedPaging("page", "pages"), None),
        ({"items": [1], "next": "http://[half"}, LinkPaging("next"), PagingError),
        ({"items": [1], "next": {"href": 5}}, LinkPaging("next"), PagingError),
        ({"items": [1], "next": [5]}, LinkPaging(lambda payload: payload["nexxt"]), PagingError),
        ({"items": "text"}, OnePage(), MalformedResponseError),
        ({"items": {"a": 1}}, OnePage(), MalformedResponseError),
        ({"things": [1]}, OnePage(), MalformedResponseError),
        ([1], OnePage(), MalformedResponseError),
        (None, OnePage(), MalformedResponseError),
        ({"items": None}, OnePage(), None),
    ],
)
async def test_a_list_that_makes_no_sense_is_an_error_that_says_whose_it_is(
    payload: Any, paging: Paging, kind: type[CloudError] | None
) -> None:
    things = client(payload, paging).list("/things", raw, items="items")
    if kind is None:
        assert await things == (payload["items"] or [])
        return
    with pytest.raises(kind) as caught:
        await things
    assert str(caught.value).startswith("quay (prod): ")


def test_a_page_that_something_else_cancelled_does_not_leave_a_hole() -> None:
    def cut(params: Params) -> tuple[Response, Any]:
        if params["page"] == "2":
            raise asyncio.CancelledError
        return numbered(params)

    with pytest.raises(asyncio.CancelledError):
        run(whole(pages_of(Book(cut), NumberedPaging("page", "pages"))))
