from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiocloud.cli.tables import GAP, Column, draw, fit

columns = st.lists(
    st.builds(
        Column,
        title=st.text("abc", min_size=1, max_size=8),
        cells=st.lists(st.text("xyz", max_size=30), min_size=2, max_size=2),
        rank=st.integers(0, 6),
        least=st.none() | st.integers(1, 12),
    ),
    min_size=1,
    max_size=8,
)


@given(columns, st.integers(20, 160))
def test_a_table_is_no_wider_than_the_terminal_unless_what_must_stay_is(columns: list[Column], width: int) -> None:
    fitting = fit(columns, width)
    whole = sum(cells for _, cells in fitting) + GAP * (len(fitting) - 1)
    assert whole <= width or all(column.rank == 0 and cells == column.narrowest for column, cells in fitting)
    assert [column for column, _ in fitting if column.rank == 0] == [column for column in columns if column.rank == 0]
    assert all(column.narrowest <= cells <= column.natural for column, cells in fitting)


def test_what_matters_least_is_left_out_first() -> None:
    made = [Column(title=str(rank), cells=["x" * 20], rank=rank) for rank in (0, 2, 5)]
    assert [column.title for column, _ in fit(made, 64)] == ["0", "2", "5"]
    assert [column.title for column, _ in fit(made, 63)] == ["0", "2"]
    assert [column.title for column, _ in fit(made, 41)] == ["0"]


def test_a_cut_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    draw([Column(title="name", cells=["a-very-long-name"], least=6)], width=8)
    assert capsys.readouterr().out == "name\na-very-…\n"


def test_a_name_cannot_move_the_cursor_nor_style_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    draw([Column(title="name", cells=["[red]web\x1b[2J"])], width=80)
    assert capsys.readouterr().out == "name\n[red]web [2J\n"
