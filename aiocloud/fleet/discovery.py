"""Which accounts there are: every driver is asked what its provider's own tools would find."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aiocloud import accounts
from aiocloud.accounts import Account, Environment
from aiocloud.driver import Compute, Driver
from aiocloud.errors import AiocloudError, ConfigurationError, RetiredProviderWarning
from aiocloud.providers import get_driver, provider_ids


@dataclass(frozen=True, slots=True)
class Unusable:
    """A source of accounts that is there, and cannot be used."""

    provider: str
    account: str
    error: Exception


def discover(environment: Environment, providers: Iterable[str] | None = None) -> Iterator[Account | Unusable]:
    """The accounts in our own file, and those that the providers' tools would find; retired providers are left out.

    `providers` narrows it down. A file that cannot be read becomes an `Unusable`: a cloud that was configured must
    not be missing from an answer without a word.
    """
    wanted = list(providers) if providers is not None else None
    yield from _own(environment, wanted)
    for provider in wanted if wanted is not None else provider_ids():
        try:
            driver = _driver(provider)
            if driver.retired is None:
                yield from driver.accounts(environment)
        except ConfigurationError as error:
            yield Unusable(provider, "", error)


def _driver(provider: str) -> type[Driver]:
    """The driver. Nobody asked for a retired one by name here, so nobody is warned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RetiredProviderWarning)
        return get_driver(provider)


def _own(environment: Environment, wanted: list[str] | None) -> Iterator[Account | Unusable]:
    try:
        yield from (each for each in accounts.from_file(environment) if wanted is None or each.provider in wanted)
    except ConfigurationError as error:
        yield Unusable("accounts.toml", "", error)


def without_account(taken: Iterable[str], providers: Iterable[str] | None = None) -> Iterator[str]:
    """The providers that tell sizes and prices to anybody, and have no account among `taken`."""
    known = set(taken)
    for provider in providers if providers is not None else provider_ids():
        if provider in known:
            continue
        try:
            driver = _driver(provider)
        except AiocloudError:
            continue
        if driver.public and driver.retired is None and issubclass(driver, Compute):
            yield provider
