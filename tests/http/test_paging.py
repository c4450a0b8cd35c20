"""Lists in pages: complete, lazy, concurrent where they can be, and never endless."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from aiocloud.errors import ConnectError, PagingError
from aiocloud.http.message import Response, headers_of
from aiocloud.http.paging import (
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


FASHIONS = [
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


@pytest.mark.parametrize(
    ("answer", "paging", "seconds"), [(numbered, FASHIONS[0].values[1], 2), (by_token, FASHIONS[1].values[1], 3)]
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
