"""Providers in miniature: stateful, in memory, served over real HTTP on request.

    base         what all simulators share: clock, faults, throttle
    ssh          nodes that accept SSH
    server       a simulator behind a real HTTP server on loopback
    virtualtime  an event loop whose clock jumps
    xmlrpc       calls read and answers written as XML-RPC

The other modules are one simulator each, named as the provider is. Use one as the `transport` of a driver.
"""

from __future__ import annotations

import importlib
import pkgutil

from aiocloud.errors import ProviderNotFoundError
from aiocloud.simulators.base import Simulator

SHARED = frozenset({"base", "facts", "server", "ssh", "sshkeys", "virtualtime", "xmlrpc"})


def simulator_ids() -> list[str]:
    """The providers that have a simulator."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in SHARED)


def get_simulator(provider: str) -> type[Simulator]:
    """The simulator class of a provider. Raises ProviderNotFoundError."""
    if provider not in simulator_ids():
        raise ProviderNotFoundError(f"no simulator of {provider!r}. There are: {', '.join(simulator_ids())}")
    module = importlib.import_module(f"{__name__}.{provider}")
    for thing in vars(module).values():
        if isinstance(thing, type) and issubclass(thing, Simulator) and getattr(thing, "provider", "") == provider:
            return thing
    raise ProviderNotFoundError(f"{module.__name__} holds no simulator of {provider!r}")
