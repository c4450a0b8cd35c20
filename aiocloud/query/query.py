"""What is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from aiocloud.errors import ConfigurationError
from aiocloud.pricing import money
from aiocloud.query import words
from aiocloud.query.clauses import Clause, clauses_of, hourly_in
from aiocloud.query.places import countries, describe

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from aiocloud.models import Offer


class Clauses(TypedDict, total=False):
    """The keywords of `Query.of`, for whoever passes them on."""

    ram: int | str | None
    vcpus: int | None
    disk: int | str | None
    arch: str | None
    outside: str | Iterable[str] | None
    inside: str | Iterable[str] | None
    near: tuple[float, float] | str | None
    within_km: float | None
    max_price: Decimal | float | str | None
    currency: str
    unknown_country: bool
    unavailable: bool
    deprecated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What an offer must have. `Query.of` builds one from words.

    `ram` in MiB, `vcpus` and `disk` in GiB are the least that will do. `outside` and `inside` are ISO 3166-1
    alpha-2 codes; `inside=None` is anywhere. `near` is a latitude and a longitude in degrees, `within_km` how
    far from there. `max_price` is for one hour, in `currency`.

    What is not known does not pass: a `ram` that the provider does not say is not enough of it, a location
    without coordinates is near nothing, and one whose country is not known is not outside the US.
    `unknown_country` lets those of the last kind pass, `unavailable` offers that are sold out, `deprecated` sizes that
    their provider is phasing out (whose payload says `"deprecated": true`).
    """

    ram: int | None = None
    vcpus: int | None = None
    disk: int | None = None
    arch: str | None = None
    outside: frozenset[str] = frozenset()
    inside: frozenset[str] | None = None
    near: tuple[float, float] | None = None
    within_km: float | None = None
    max_price: Decimal | None = None
    currency: str = "USD"
    unknown_country: bool = False
    unavailable: bool = False
    deprecated: bool = False

    @classmethod
    def of(
        cls,
        *,
        ram: int | str | None = None,
        vcpus: int | None = None,
        disk: int | str | None = None,
        arch: str | None = None,
        outside: str | Iterable[str] | None = None,
        inside: str | Iterable[str] | None = None,
        near: tuple[float, float] | str | None = None,
        within_km: float | None = None,
        max_price: Decimal | float | str | None = None,
        currency: str = "USD",
        unknown_country: bool = False,
        unavailable: bool = False,
        deprecated: bool = False,
    ) -> Query:
        """A query from words: `ram="4G"`, `outside="US, Canada"`, `inside="EU"`, `near="52.5,13.4"`.

        Raises ConfigurationError for a word that is not understood.

        >>> Query.of(ram="4G", outside="US").ram
        4096
        """
        if (near is None) != (within_km is None):
            raise ConfigurationError("near needs within_km, and within_km needs near: where, and how far from there")
        return cls(
            ram=None if ram is None else words.parse_ram(ram),
            vcpus=None if vcpus is None else words.parse_count("vcpus", vcpus),
            disk=None if disk is None else words.parse_disk(disk),
            arch=None if arch is None else words.parse_arch(arch),
            outside=frozenset() if outside is None else countries(outside),
            inside=None if inside is None else words.parse_inside(inside),
            near=None if near is None else words.parse_point(near),
            within_km=None if within_km is None else words.parse_distance(within_km),
            max_price=None if max_price is None else words.parse_price(max_price),
            currency=words.parse_currency(currency),
            unknown_country=unknown_country,
            unavailable=unavailable,
            deprecated=deprecated,
        )

    def clauses(self, rates: money.Rates | None = None) -> tuple[Clause, ...]:
        """What an offer must pass, in order. `rates` are the shipped ones unless given."""
        return clauses_of(self, hourly_in(self.currency, rates or money.rates()))

    def rejection(self, offer: Offer, rates: money.Rates | None = None) -> str | None:
        """The first clause that rejects the offer, as a sentence, or None when all let it pass."""
        return next((clause.sentence(offer) for clause in self.clauses(rates) if clause.rejects(offer)), None)

    def __str__(self) -> str:
        """What is asked for, in words: "at least 4096 MiB of ram, not in US"."""
        latitude, longitude = self.near or (0, 0)
        amounts = {
            "at least {} MiB of ram": self.ram,
            "at least {} vcpus": self.vcpus,
            "at least {} GiB of disk": self.disk,
            "{}": self.arch,
            "not in {}": describe(self.outside) or None,
            "in {}": self.inside and describe(self.inside),
            f"within {{:.10g}} km of {latitude:.10g},{longitude:.10g}": self.near and self.within_km,
            f"at most {{}} {self.currency} an hour": self.max_price,
        }
        return ", ".join(text.format(it) for text, it in amounts.items() if it is not None) or "anything"
