"""What must not be seen."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from yarl import URL

from aiocloud.values import Secret

SECRET_HEADERS = frozenset(
    {
        "authorization",
        "cookie",
        "proxy-authorization",
        "set-cookie",
        "x-amz-security-token",
        "x-auth-key",
        "x-auth-token",
        "x-goog-api-key",
        "x-subject-token",
    }
)

SECRET_PARAMETERS = frozenset({"api_sig"})
"""What in a query proves who asks, for as long as it holds."""


class Redactor:
    """Replaces known secrets in text. Credentials and tokens are added as they become known."""

    def __init__(self, *secrets: Secret | str | None) -> None:
        self._secrets: set[str] = set()
        self._hidden: list[str] | None = None
        for secret in secrets:
            self.add(secret)

    def add(self, secret: Secret | str | None) -> None:
        """Hide this from now on, as it is and as URLs, JSON and base64 write it.

        What is shorter than four characters would hide too much, and is passed over.
        """
        text = secret.reveal() if isinstance(secret, Secret) else secret
        if text and len(text) >= 4:
            self._secrets.add(text)
            self._hidden = None

    def clean(self, text: str) -> str:
        """The text without the secrets.

        >>> Redactor("tide-and-harbour").clean("no user with key tide-and-harbour")
        'no user with key ***'
        """
        for form in self._forms():
            text = text.replace(form, "***")
        return text

    def _forms(self) -> list[str]:
        """All that is hidden, long before short; made when first asked for, since most drivers never need it."""
        if self._hidden is None:
            forms = {form for secret in self._secrets for form in _forms(secret)}
            self._hidden = sorted(forms, key=len, reverse=True)
        return self._hidden

    def __repr__(self) -> str:
        return "<Redactor>"


def _forms(secret: str) -> Iterable[str]:
    """How a secret may be written."""
    raw = secret.encode("utf-8", "surrogatepass")
    in_query = URL("//h").update_query(k=raw.decode("utf-8", "replace")).raw_query_string.removeprefix("k=")
    return {
        secret,
        quote(raw, safe=""),
        re.sub("%..", lambda escape: escape[0].lower(), quote(raw, safe="")),
        quote(raw),
        quote_plus(raw),
        in_query,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    }
