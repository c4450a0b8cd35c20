"""One project: who asks for it, and the tokens that this gives."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Unpack

from yarl import URL

from aiocloud.accounts import Account, Environment, read_ini
from aiocloud.driver import Driver, Options
from aiocloud.errors import ConfigurationError, InvalidCredsError
from aiocloud.http.auth import HeaderAuth, Token, TokenAuth
from aiocloud.http.client import Api
from aiocloud.http.paging import TokenPaging
from aiocloud.http.ratelimit import Limits
from aiocloud.mapping import Shape, at
from aiocloud.providers.gce import billing
from aiocloud.providers.gce.billing import Billing
from aiocloud.providers.gce.shapes import ERRORS, SIGN_IN_ERRORS
from aiocloud.values import Secret

SIGN_IN = "https://oauth2.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/compute"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
METADATA_TOKEN = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105 - a path
LIFE = 3600
"""Seconds for which an assertion is good: the most that Google takes."""

ANSWER = Shape(Token, value=at("access_token", Secret), data=lambda payload: {"expires_in": payload["expires_in"]})


class ProjectDriver(Driver):
    """A project at Google, and the ways to prove who asks: https://cloud.google.com/docs/authentication"""

    provider = "gce"
    title = "Google Compute Engine"
    website = "https://cloud.google.com/compute"
    protocol = "Compute Engine API v1, JSON, OAuth tokens"
    api = Api(
        base_url="https://compute.googleapis.com/compute/v1",
        paging=TokenPaging("nextPageToken", "pageToken", size={"maxResults": "500"}),
        errors=ERRORS,
        limits=Limits(rate=20.0, burst=100),
        sparse=True,
    )

    def __init__(
        self,
        client_email: str | None = None,
        private_key: str | Secret | None = None,
        project: str | None = None,
        *,
        ex_client_id: str | None = None,
        ex_client_secret: str | Secret | None = None,
        ex_refresh_token: str | Secret | None = None,
        ex_metadata_host: str | None = None,
        ex_sign_in_endpoint: str | None = None,
        ex_billing_key: str | Secret | None = None,
        ex_billing_endpoint: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        self._expect("text", str, client_email=client_email, project=project, ex_metadata_host=ex_metadata_host)
        if not project:
            raise ConfigurationError("gce needs `project`")
        self.project = project
        self._email = client_email
        self._client_id = ex_client_id
        self._key = self._client_secret = self._refresh_token = None
        if ex_refresh_token is not None:
            self._refresh_token = self.secret(ex_refresh_token, "ex_refresh_token")
            self._client_secret = self.secret(ex_client_secret, "ex_client_secret")
        elif ex_metadata_host is None:
            self._key = self.secret(private_key, "private_key")
            if not client_email:
                raise ConfigurationError("gce needs `client_email` with `private_key`")
        self._from_metadata = self._refresh_token is None and self._key is None
        host = ex_sign_in_endpoint or _host(self.endpoint, SIGN_IN)
        host = f"http://{ex_metadata_host}" if self._from_metadata else host
        self._accounts = self.connect(Api(errors=SIGN_IN_ERRORS), endpoint=host)
        tokens = TokenAuth(
            self._sign_in, header="Authorization", prefix="Bearer ", now=self.now, redactor=self.redactor
        )
        self.http = self.connect(auth=tokens)
        self._billing: Billing | None = None
        if ex_billing_key is not None:
            key = HeaderAuth("X-Goog-Api-Key", "", self.secret(ex_billing_key, "ex_billing_key"))
            host = ex_billing_endpoint or _host(self.endpoint, billing.HOST)
            self._billing = Billing(self.connect(billing.API, endpoint=host, auth=key), self.now)

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """The application default credentials, in the project and zone of gcloud's variables and configuration.

        The file is the one that GOOGLE_APPLICATION_CREDENTIALS names, or gcloud's own; the metadata server is asked
        where GCE_METADATA_HOST names it. The project is that of GOOGLE_CLOUD_PROJECT or the like.
        """
        folder = Path(environment.get("CLOUDSDK_CONFIG") or environment.home / ".config" / "gcloud")
        named = environment.get("GOOGLE_APPLICATION_CREDENTIALS")
        path = Path(named) if named else folder / "application_default_credentials.json"
        found, host = _file(path, needed=bool(named)), environment.get("GCE_METADATA_HOST")
        options: dict[str, Any] | None = (
            _options(found, path) if found else {"ex_metadata_host": host} if host else None
        )
        if options is None:
            return
        config = read_ini(folder / "configurations" / f"config_{_configuration(environment, folder)}")
        variables = ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT")
        project = environment.get(*variables) or config.get("core", "project", fallback=None)
        options["project"] = project or found.get("project_id") or found.get("quota_project_id")
        if key := environment.get("GCE_BILLING_API_KEY"):
            options["ex_billing_key"] = key
        options["region"] = environment.get("CLOUDSDK_COMPUTE_ZONE") or config.get("compute", "zone", fallback=None)
        yield Account("gce", "default", options, source=str(path) if found else "GCE_METADATA_HOST")

    # ---- tokens ----

    async def _sign_in(self) -> Token:
        """A new token. Two do no harm, so that the request may be repeated after a lost answer."""
        if self._from_metadata:
            payload = await self._accounts.call("GET", METADATA_TOKEN, headers={"Metadata-Flavor": "Google"})
        else:
            payload = await self._accounts.call("POST", "/token", form=self._proof(), idempotent=True)
        answer = self._accounts.read(ANSWER, payload, operation="POST /token")
        ends = self.now() + timedelta(seconds=int(answer.data["expires_in"]))
        return Token(value=answer.value, expires_at=ends)

    def _proof(self) -> Mapping[str, str]:
        if self._refresh_token is not None and self._client_secret is not None:
            return {
                "grant_type": "refresh_token",
                "client_id": self._client_id or "",
                "client_secret": self._client_secret.reveal(),
                "refresh_token": self._refresh_token.reveal(),
            }
        assertion = self._assertion()
        self.redactor.add(Secret(assertion))
        return {"grant_type": GRANT, "assertion": assertion}

    def _assertion(self) -> str:
        """What the service account says of itself, signed: https://developers.google.com/identity/protocols/oauth2/service-account"""
        issued = int(self.now().timestamp())
        claims = {"iss": self._email, "scope": SCOPE, "aud": f"{SIGN_IN}/token", "iat": issued, "exp": issued + LIFE}
        text = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
        return f"{text}.{_encoded(self._signed(text.encode()))}"

    def _signed(self, text: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        pem = self._key.reveal().replace("\\n", "\n") if self._key else ""
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, RSAPrivateKey):
            message = "`private_key` is no RSA key in PEM without a password"
            raise InvalidCredsError(message, sent=False, provider=self.provider, account=self.account)
        return key.sign(text, PKCS1v15(), SHA256())


def _part(claims: Mapping[str, Any]) -> str:
    return _encoded(json.dumps(claims, separators=(",", ":")).encode())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _host(endpoint: str | None, usual: str) -> str:
    """Where another of Google's APIs is: at its usual place for Google's own endpoints, else where this one is."""
    if not endpoint:
        return usual
    url = URL(endpoint)
    return usual if not url.host or url.host.endswith(".googleapis.com") else str(url.origin())


def _file(path: Path, *, needed: bool) -> Mapping[str, Any]:
    """A file with credentials; an empty one where there is none. Errors quote nothing of it."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        if needed:
            raise ConfigurationError(f"{path} (GOOGLE_APPLICATION_CREDENTIALS) is not there") from error
        return {}
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path} holds no credentials")
    return found


def _options(found: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The keywords for the driver that a file with credentials stands for."""
    match found.get("type"):
        case "service_account":
            return {name: found.get(name) for name in ("client_email", "private_key")}
        case "authorized_user":
            return {f"ex_{name}": found.get(name) for name in ("client_id", "client_secret", "refresh_token")}
    raise ConfigurationError(f"{path} holds credentials of a kind that is not supported: {found.get('type')!r}")


def _configuration(environment: Environment, folder: Path) -> str:
    """The name of gcloud's configuration that is active."""
    if name := environment.get("CLOUDSDK_ACTIVE_CONFIG_NAME"):
        return name
    try:
        return (folder / "active_config").read_text("utf-8").strip() or "default"
    except OSError:
        return "default"
