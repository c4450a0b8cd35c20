"""What a new node is made of: the account, whether the provider can do it, what was mistyped, and files."""

from __future__ import annotations

import asyncio
import difflib
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiocloud.cli.output import UsageError
from aiocloud.cli.session import NONE_FOUND
from aiocloud.driver import Compute
from aiocloud.errors import AiocloudError, ConfigurationError, ConflictError, InvalidRequestError, NotFoundError
from aiocloud.fleet import Fleet
from aiocloud.fleet.fleet import PUBLIC

HINTING = 10.0
"""Seconds that may be spent on finding out what was mistyped."""
MISTYPED = (InvalidRequestError, NotFoundError, ConflictError)
"""Refusals behind which there may be an id that does not exist."""


def driver_of(fleet: Fleet, accounts: Sequence[str]) -> Compute:
    """The driver of the only account, or of the one that is named."""
    if len(accounts) > 1:
        raise UsageError("a node is made in one account: give --account once")
    known = [str(scope) for scope in fleet.scopes if scope.account != PUBLIC]
    if not accounts and len(known) != 1:
        several = f"name an account with --account. There are: {', '.join(known)}"
        raise ConfigurationError(several if known else NONE_FOUND)
    driver = fleet.driver(accounts[0] if accounts and len(known) != 1 else known[0])
    if not isinstance(driver, Compute):
        raise ConfigurationError(f"{driver.title} has no nodes")
    return driver


def able(driver: Compute, arguments: Namespace, **more: Any) -> None:
    """Raises ConfigurationError for what this provider cannot do, before anything is made."""
    asked = {"tags": arguments.tag, "user_data": arguments.user_data, **more}
    for feature, given in asked.items():
        if given and feature not in driver.features:
            raise ConfigurationError(f"{driver.title} ({driver.account}) cannot make nodes with {feature}")


async def hints(driver: Compute, arguments: Namespace) -> list[str]:
    """Which of the ids the provider does not list, and what comes near: sentences, as far as it tells in time."""
    found: list[str] = []
    place: str | None = arguments.location
    with suppress(AiocloudError, TimeoutError):
        async with asyncio.timeout(HINTING):
            places = await driver.list_locations()
            known = [text for each in places for text in (each.id, *each.zones)]
            found += _hint("location", place, known)
            place = place if place in known else None
            sizes = await driver.list_sizes(location=place)
            found += _hint("size", arguments.size, [each.id for each in sizes], place)
            images = await driver.list_images(location=place)
            found += _hint("image", arguments.image, [each.id for each in images], place)
    return found


def _hint(what: str, wanted: str | None, known: Sequence[str], place: str | None = None) -> Iterator[str]:
    if wanted is None or wanted in known:
        return
    near = difflib.get_close_matches(wanted, known)
    mend = f"did you mean {' or '.join(near)}?" if near else f"see `aiocloud {what}s`."
    there = f" in {place}" if place else ""
    yield f"No {what} {wanted!r} is listed{there}: {mend}"


def read(path: str) -> bytes:
    """The contents of a file. Raises ConfigurationError."""
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise ConfigurationError(f"the file {path} cannot be read: {error.strerror}") from error


def public_key_in(path: str) -> str:
    """The text of a file of public keys. Raises ConfigurationError, also for a private one."""
    text = read(path).decode("utf-8", "replace").strip()
    if "PRIVATE KEY" in text:
        raise ConfigurationError(f"{path} holds a private key; give the public one ({path}.pub)")
    return text
