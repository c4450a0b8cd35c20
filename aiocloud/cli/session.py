"""Which clouds are asked: the simulated, or the accounts that can be found."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiocloud.cli.offers import title
from aiocloud.cli.output import complain, tell
from aiocloud.errors import AiocloudError, ConfigurationError
from aiocloud.fleet import Coverage, Failure, Fleet, Scope, sandbox
from aiocloud.fleet.sandbox import ACCOUNT, simulated
from aiocloud.simulators import get_simulator, simulator_ids

COMPLETE, FAILED, INCOMPLETE = 0, 1, 3
NONE_FOUND = (
    "no account was found. Put one into accounts.toml, or set the variables of the provider's own tools; "
    "--sandbox asks simulated clouds"
)


@asynccontextmanager
async def open_fleet(arguments: Namespace, *, nodes: int = 0, ssh: bool = False) -> AsyncIterator[Fleet]:
    """The fleet that the arguments name. In the sandbox, each cloud has so many `nodes`, which take `ssh` or do not."""
    options: dict[str, Any] = {} if arguments.deadline is None else {"deadline": arguments.deadline}
    if arguments.sandbox:
        chosen = simulated_clouds(arguments)
        async with sandbox(chosen, nodes=nodes, ssh=ssh, **options) as fleet:
            yield fleet
        return
    accounts, providers = arguments.account or None, arguments.provider or None
    async with Fleet.from_env(accounts=accounts, providers=providers, **options) as fleet:
        yield fleet


def simulated_clouds(arguments: Namespace) -> list[str]:
    """The simulated clouds that the arguments name, or all. Raises ConfigurationError for one that there is not."""
    accounts: Sequence[str] = arguments.account
    wanted = {name.lower().replace("-", "_") for name in arguments.provider or _providers_of(accounts)}
    chosen = [get_simulator(name).provider for name in sorted(wanted)] or simulated(retired=arguments.retired)
    for account in accounts:
        if account not in (ACCOUNT, *(f"{provider}/{ACCOUNT}" for provider in chosen)):
            known = ", ".join(f"{provider}/{ACCOUNT}" for provider in chosen)
            raise ConfigurationError(f"{account!r} is no account of the sandbox. There are: {known}")
    if not accounts or ACCOUNT in accounts:
        return chosen
    return [provider for provider in chosen if f"{provider}/{ACCOUNT}" in accounts]


def _providers_of(accounts: Sequence[str]) -> list[str]:
    """The providers that are named in `provider/sandbox`, where all accounts are."""
    parted = [account.rpartition("/") for account in accounts]
    every = all(provider in simulator_ids() and name == ACCOUNT for provider, _, name in parted)
    return [provider for provider, _, _ in parted] if every else []


def warn_of_sandbox(arguments: Namespace) -> None:
    """Tell that what is done to simulated clouds does not last."""
    if arguments.sandbox:
        tell("simulated clouds, which end with this command; `aiocloud sandbox` serves some that stay")


def facts(fleet: Fleet) -> list[str]:
    """What must be known of answers from the sandbox."""
    told = {scope.provider: " ".join(get_simulator(scope.provider).facts.split()) for scope in fleet.scopes}
    return ["simulated clouds; facts:", *(f"  {provider}: {text}" for provider, text in told.items())]


def require_accounts(coverage: Sequence[Coverage]) -> None:
    """Raises ConfigurationError where nobody was there to be asked."""
    if not coverage:
        raise ConfigurationError(NONE_FOUND)


def together(failures: Iterable[Failure]) -> Iterator[tuple[str, str]]:
    """Who failed, and why: the parts of an account that failed for the same reason in one line."""
    found: dict[tuple[str, str, str], list[Failure]] = {}
    for failure in failures:
        found.setdefault((failure.scope.provider, failure.scope.account, failure.reason), []).append(failure)
    for (provider, account, reason), some in found.items():
        parts = ", ".join(failure.scope.region for failure in some)
        yield (f"{provider}/{account} ({parts})" if len(some) > 1 else str(some[0].scope)), reason


def asked_openly(public: Iterable[Scope], failures: Iterable[Failure]) -> Iterator[str]:
    """Which clouds were asked without an account, and which of these failed."""
    asked = dict.fromkeys(scope.provider for scope in public)
    if not asked:
        return
    failed = dict.fromkeys(failure.scope.provider for failure in failures if failure.scope.provider in asked)
    mute = f"; {', '.join(map(title, failed))} failed, wholly or in part" if failed else ""
    yield f"asked without an account, since they tell prices to anybody: {', '.join(map(title, asked))}{mute}"


def conclude(coverage: Sequence[Coverage], failures: Sequence[Failure]) -> int:
    """Tell who did not answer; the exit status.

    Raises AiocloudError where nobody was there to be asked, or nobody answered.
    """
    require_accounts(coverage)
    for who, why in together(failures):
        complain(f"{who} did not answer: {why}")
    if failures and not any(each.status == "answered" for each in coverage):
        raise AiocloudError("no cloud answered")
    for each in coverage:
        if each.status == "skipped":
            tell(f"aiocloud: {each.scope} was not asked: its driver cannot do this")
    return INCOMPLETE if failures else COMPLETE
