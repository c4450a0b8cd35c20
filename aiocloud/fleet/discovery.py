"""Which accounts there are: every driver is asked what its provider's own tools would find."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, count

from aiocloud import accounts
from aiocloud.accounts import Account, Environment, Unusable
from aiocloud.driver import Compute, Driver
from aiocloud.errors import RetiredProviderWarning
from aiocloud.providers import get_driver, provider_ids


def discover(environment: Environment, providers: Iterable[str] | None = None) -> Iterator[Account | Unusable]:
    """The accounts in our own file, and those that the providers' tools would find; retired providers are left out.

    `providers` narrows it down. A file that cannot be read becomes an `Unusable`: a cloud that was configured must
    not be missing from an answer without a word. Credentials that were found before are passed over, or all their
    nodes would be listed twice; a name that was taken before is numbered.
    """
    wanted = list(providers) if providers is not None else None
    taken: set[tuple[str, str]] = set()
    known: set[tuple[str, str]] = set()
    for own in accounts.from_file(environment):
        if wanted is None or own.provider in (*wanted, accounts.OWN_FILE):
            yield own
            taken.add((own.provider, own.name))
            known.add(_contents(own))
    for provider in wanted if wanted is not None else provider_ids():
        for found in _found(provider, environment):
            if isinstance(found, Account):
                if _contents(found) in known:
                    continue
                known.add(_contents(found))
                found = replace(found, name=_free(found, taken))
                taken.add((found.provider, found.name))
            yield found


def _found(provider: str, environment: Environment) -> Iterator[Account | Unusable]:
    """What the provider's own tools would find."""
    try:
        driver = driver_of(provider)
        if driver.retired is None:
            yield from driver.accounts(environment)
    except Exception as error:  # a driver may be anybody's, and its mistakes cost the other providers nothing
        yield Unusable(provider, "", error)


def _contents(account: Account | Unusable) -> tuple[str, str]:
    options = account.options if isinstance(account, Account) else {"": account.name}
    return account.provider, repr(sorted(options.items(), key=str))


def _free(account: Account, taken: set[tuple[str, str]]) -> str:
    """Its name, with a number if there is one of that name already."""
    numbered = (f"{account.name}-{number}" for number in count(2))
    return next(name for name in chain([account.name], numbered) if (account.provider, name) not in taken)


def driver_of(provider: str) -> type[Driver]:
    """The driver. Nobody asked for a retired one by name here, so nobody is warned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RetiredProviderWarning)
        return get_driver(provider)


def without_account(taken: Iterable[str], providers: Iterable[str] | None = None) -> Iterator[str]:
    """The providers that tell sizes and prices to anybody, and have no account among `taken`."""
    known = set(taken)
    for provider in providers if providers is not None else provider_ids():
        if provider in known:
            continue
        try:
            driver = driver_of(provider)
        except Exception:  # noqa: S112 - a driver that cannot be had has no public face; `discover` tells of it
            continue
        if driver.public and driver.retired is None and issubclass(driver, Compute):
            yield provider
