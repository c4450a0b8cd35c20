"""What a fleet answers: the items, what failed, and who answered. Failed is never empty."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Generic, Literal, TypeAlias, TypeVar

from aiocloud.errors import AiocloudError, CloudError
from aiocloud.models import Offer
from aiocloud.query import Ranked, Selection

T = TypeVar("T")

Phase: TypeAlias = Literal["configuration", "listing", "deadline", "bug"]
Status: TypeAlias = Literal["answered", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of an account that can fail by itself: a region where the provider has them, else the whole."""

    provider: str
    account: str
    region: str = ""

    def __str__(self) -> str:
        """`ec2/prod/eu-west-1`."""
        return "/".join(part for part in (self.provider, self.account, self.region) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What one scope could not answer, and why.

    `phase` is "configuration" (its credentials or options), "listing" (the call itself), "deadline" (no complete
    answer in time) or "bug" (a mistake in the driver; `error` is what it raised, traceback included). `attempts`
    counts the sendings of the request that failed.
    """

    scope: Scope
    phase: Phase
    error: Exception = field(repr=False)
    attempts: int = 1

    @property
    def reason(self) -> str:
        """One sentence for a user."""
        if isinstance(self.error, CloudError):
            return self.error.reason
        if self.phase == "bug":  # what it says may hold a secret, which nobody has taken out
            return f"{type(self.error).__name__}{_place(self.error)}, which is a mistake in the driver"
        return str(self.error) or type(self.error).__name__

    def __str__(self) -> str:
        """The scope and the sentence."""
        return f"{self.scope}: {self.reason}"


def _place(error: Exception) -> str:
    """` in file.py, line 7`; nothing for an error that was pickled, and lost its traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" in {PurePath(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How one scope took part: it answered, failed, or was skipped because its driver lacks the capability.

    `items` counts what came from it (before a failure, too), `seconds` the time that it took.
    """

    scope: Scope
    status: Status
    items: int = 0
    seconds: float = 0.0


class IncompleteError(AiocloudError):
    """Not every scope answered; `failures` says which, and why."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        super().__init__("not all clouds answered: " + "; ".join(map(str, failures)))
        self.failures = tuple(failures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Generic[T]):
    """The items of all scopes that answered, in a fixed order of scopes; the failures; the coverage."""

    items: Sequence[T]
    failures: tuple[Failure, ...] = ()
    coverage: tuple[Coverage, ...] = ()

    def __iter__(self) -> Iterator[T]:
        """The items."""
        return iter(self.items)

    def __len__(self) -> int:
        """How many items there are."""
        return len(self.items)

    @property
    def complete(self) -> bool:
        """Whether every scope answered. What acts on a list (and above all what destroys) asks this first."""
        return not self.failures

    def require_complete(self) -> Report[T]:
        """This report, if it is complete. Raises IncompleteError."""
        if self.failures:
            raise IncompleteError(self.failures)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferReport(Report[Offer]):
    """Offers that match a query, cheapest first, with what was left out and why."""

    selection: Selection

    @property
    def ranked(self) -> tuple[Ranked, ...]:
        """The offers with their hourly price in the query's currency, cheapest first."""
        return self.selection.ranked

    def cheapest(self) -> Ranked | None:
        """The first of them; None when nothing matches. Of the clouds that answered: see `failures`."""
        return self.selection.cheapest()

    def explain(self) -> str:
        """What was asked, what was left out and by which clause, and who did not answer."""
        lines = [self.selection.explain()]
        lines += [f"did not answer: {failure}" for failure in self.failures]
        return "\n".join(lines)
