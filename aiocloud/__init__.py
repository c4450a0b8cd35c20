"""One vocabulary for every cloud, awaited.

>>> from aiocloud import Provider, get_driver
>>> get_driver(Provider.LINODE).title
'Linode'

Importing the package loads no provider, no aiohttp and no asyncssh: each name is imported when it is first used.
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

TYPE_CHECKING = False  # type checkers take it for true; typing itself would be a third of the import
if TYPE_CHECKING:
    from aiocloud.errors import (
        AiocloudError as AiocloudError,
    )
    from aiocloud.errors import (
        AmbiguousCreateError as AmbiguousCreateError,
    )
    from aiocloud.errors import (
        ApiError as ApiError,
    )
    from aiocloud.errors import (
        CapacityError as CapacityError,
    )
    from aiocloud.errors import (
        CloudError as CloudError,
    )
    from aiocloud.errors import (
        ConfigurationError as ConfigurationError,
    )
    from aiocloud.errors import (
        ConflictError as ConflictError,
    )
    from aiocloud.errors import (
        ForbiddenError as ForbiddenError,
    )
    from aiocloud.errors import (
        InvalidCredsError as InvalidCredsError,
    )
    from aiocloud.errors import (
        InvalidRequestError as InvalidRequestError,
    )
    from aiocloud.errors import (
        MalformedResponseError as MalformedResponseError,
    )
    from aiocloud.errors import (
        NodeStateError as NodeStateError,
    )
    from aiocloud.errors import (
        NotFoundError as NotFoundError,
    )
    from aiocloud.errors import (
        ProviderNotFoundError as ProviderNotFoundError,
    )
    from aiocloud.errors import (
        QuotaExceededError as QuotaExceededError,
    )
    from aiocloud.errors import (
        RateLimitReachedError as RateLimitReachedError,
    )
    from aiocloud.errors import (
        RetiredProviderWarning as RetiredProviderWarning,
    )
    from aiocloud.errors import (
        ServerError as ServerError,
    )
    from aiocloud.errors import (
        TransportError as TransportError,
    )
    from aiocloud.errors import (
        WaitTimeoutError as WaitTimeoutError,
    )
    from aiocloud.fleet import Fleet as Fleet
    from aiocloud.fleet import Report as Report
    from aiocloud.http.ratelimit import Limits as Limits
    from aiocloud.http.retry import Retry as Retry
    from aiocloud.models import (
        Image as Image,
    )
    from aiocloud.models import (
        KeyPair as KeyPair,
    )
    from aiocloud.models import (
        Location as Location,
    )
    from aiocloud.models import (
        Node as Node,
    )
    from aiocloud.models import (
        NodeAuthPassword as NodeAuthPassword,
    )
    from aiocloud.models import (
        NodeAuthSSHKey as NodeAuthSSHKey,
    )
    from aiocloud.models import (
        NodeState as NodeState,
    )
    from aiocloud.models import (
        Offer as Offer,
    )
    from aiocloud.models import (
        Price as Price,
    )
    from aiocloud.models import (
        Size as Size,
    )
    from aiocloud.providers import Provider as Provider
    from aiocloud.providers import get_driver as get_driver
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


if not TYPE_CHECKING:  # so that checkers see a misspelt name

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module 'aiocloud' has no attribute {name!r}")
        value = getattr(importlib.import_module(_MODULES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
