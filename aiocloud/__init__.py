"""One vocabulary for every cloud, awaited.

>>> from aiocloud import Provider, get_driver
>>> get_driver(Provider.LINODE).title
'Linode'

Importing the package loads no provider, no aiohttp and no asyncssh: each name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from aiocloud.errors import (
        AiocloudError as AiocloudError,
        AmbiguousCreateError as AmbiguousCreateError,
        ApiError as ApiError,
        CapacityError as CapacityError,
        CloudError as CloudError,
        ConfigurationError as ConfigurationError,
        ConflictError as ConflictError,
        ForbiddenError as ForbiddenError,
        InvalidCredsError as InvalidCredsError,
        InvalidRequestError as InvalidRequestError,
        MalformedResponseError as MalformedResponseError,
        NodeStateError as NodeStateError,
        NotFoundError as NotFoundError,
        ProviderNotFoundError as ProviderNotFoundError,
        QuotaExceededError as QuotaExceededError,
        RateLimitReachedError as RateLimitReachedError,
        RetiredProviderWarning as RetiredProviderWarning,
        ServerError as ServerError,
        TransportError as TransportError,
        WaitTimeoutError as WaitTimeoutError,
    )
    from aiocloud.fleet import Fleet as Fleet, Report as Report
    from aiocloud.http.ratelimit import Limits as Limits
    from aiocloud.http.retry import Retry as Retry
    from aiocloud.models import (
        Image as Image,
        KeyPair as KeyPair,
        Location as Location,
        Node as Node,
        NodeAuthPassword as NodeAuthPassword,
        NodeAuthSSHKey as NodeAuthSSHKey,
        NodeState as NodeState,
        Offer as Offer,
        Price as Price,
        Size as Size,
    )
    from aiocloud.providers import Provider as Provider, get_driver as get_driver
    from aiocloud.query import Query as Query
    from aiocloud.values import Secret as Secret

_HOMES = {
    "aiocloud.errors": (
        "AiocloudError AmbiguousCreateError ApiError CapacityError CloudError ConfigurationError ConflictError "
        "ForbiddenError InvalidCredsError InvalidRequestError MalformedResponseError NodeStateError NotFoundError "
        "ProviderNotFoundError QuotaExceededError RateLimitReachedError RetiredProviderWarning ServerError "
        "TransportError WaitTimeoutError"
    ),
    "aiocloud.fleet": "Fleet Report",
    "aiocloud.http.ratelimit": "Limits",
    "aiocloud.http.retry": "Retry",
    "aiocloud.models": ("Image KeyPair Location Node NodeAuthPassword NodeAuthSSHKey NodeState Offer Price Size"),
    "aiocloud.providers": "Provider get_driver",
    "aiocloud.query": "Query",
    "aiocloud.values": "Secret",
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'aiocloud' has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
