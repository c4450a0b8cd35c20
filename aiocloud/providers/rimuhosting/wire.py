"""What all answers of the API share, and how options are written."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiocloud.errors import CapacityError, InvalidCredsError
from aiocloud.http.client import Api
from aiocloud.http.codecs import Codec, Json
from aiocloud.http.errors import ErrorTable
from aiocloud.mapping import dig


@dataclass(frozen=True, slots=True)
class Wrapped(Codec):
    """JSON whose root is an object with one key, which is named after the call, and differs.

    >>> Wrapped().decode(b'{"get_distros_response": {"distro_infos": []}}')
    {'distro_infos': []}
    """

    name: str = "JSON"

    def decode(self, body: bytes) -> Any:
        """What is under the one key."""
        payload = Json().decode(body)
        if not isinstance(payload, Mapping) or len(payload) != 1:
            raise ValueError("not an object of one key")
        return next(iter(payload.values()))


def _refused(body: Any) -> int | None:
    if body["response_type"] != "ERROR":
        return None
    status = body.get("status_code")
    return status if isinstance(status, int) and status >= 400 else 400


def _message(body: Any) -> str | None:
    inner = dig(body, "error_info.human_readable_message") or dig(body, "error_info.full_error_message")
    return html.unescape(inner or body.get("human_readable_message") or "") or None


ERRORS = ErrorTable(
    code="error_info.error_class",
    message=_message,
    codec=Wrapped(),
    refused=_refused,
    statuses={403: InvalidCredsError},
    # Its classes of errors are not documented.
    texts={"*[Nn]ot enough*": CapacityError, "*[Cc]apacity*": CapacityError},
)


API = Api(
    base_url="https://rimuhosting.com/r",
    codec=Wrapped(),
    errors=ERRORS,
    headers={"Accept": "application/json"},
)


def given(**options: Any) -> dict[str, Any]:
    """Those of the options that are not None."""
    return {key: value for key, value in options.items() if value is not None}


def matrix(**options: str) -> str:
    """Options as parameters of a segment of the path.

    >>> matrix(include_inactive="N", search="quay 3")
    ';include_inactive=N;search=quay%203'
    """
    return "".join(f";{name}={quote(value, safe='')}" for name, value in options.items())
