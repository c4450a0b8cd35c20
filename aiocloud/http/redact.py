"""What must not be seen."""

from __future__ import annotations

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
        "x-subject-token",
    }
)


class Redactor:
    """Replaces known secrets in text. Credentials and tokens are added as they become known."""

    def __init__(self, *secrets: Secret | str | None) -> None:
        self._secrets: set[str] = set()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: Secret | str | None) -> None:
        """Hide this from now on. What is shorter than four characters would hide too much, and is passed over."""
        text = secret.reveal() if isinstance(secret, Secret) else secret
        if text and len(text) >= 4:
            self._secrets.add(text)

    def clean(self, text: str) -> str:
        """The text without the secrets.

        >>> Redactor("tide-and-harbour").clean("no user with key tide-and-harbour")
        'no user with key ***'
        """
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._secrets)} secrets>"
