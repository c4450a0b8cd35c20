"""The clouds that OpenStack's own tools would find: in clouds.yaml, and in the variables OS_*.

The format: https://docs.openstack.org/openstacksdk/latest/user/config/configuration.html
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from yarl import URL

from aiocloud.accounts import Account, Environment
from aiocloud.errors import ConfigurationError

AUTH = {
    "auth_url": "endpoint",
    "username": "username",
    "user_id": "user_id",
    "password": "password",
    "project_name": "project",
    "tenant_name": "project",
    "project_id": "project_id",
    "tenant_id": "project_id",
    "user_domain_name": "user_domain",
    "user_domain_id": "user_domain_id",
    "project_domain_name": "project_domain",
    "project_domain_id": "project_domain_id",
    "application_credential_id": "application_credential_id",
    "application_credential_name": "application_credential_name",
    "application_credential_secret": "application_credential_secret",
    "token": "token",
}
"""Our keyword for each word under `auth`; the variable for it is OS_ and the word in upper case."""

WAYS = ("application_credential_secret", "password", "token")
AUTH_TYPES = {
    "v3applicationcredential": "application_credential_secret",
    "password": "password",
    "v3password": "password",
    "v2password": "password",
    "token": "token",
    "v3token": "token",
}
"""What each kind of sign-in proves itself by. The others are not spoken here."""


PLAIN = "openstack"
VENDORS = {
    "ovh": ("ovh", "https://auth.cloud.ovh.net/v3"),
    "ovh-us": ("ovh", "https://auth.cloud.ovh.us/v3"),
}
"""openstacksdk's profiles of clouds that have a driver of their own: its id, and where Keystone is. An account there,
by its profile or by its URL, is that driver's, and not OpenStack's as well."""
_HOSTS = {URL(url).host: provider for provider, url in VENDORS.values()}


def named_cloud(name: str, environment: Environment) -> dict[str, Any]:
    """The keywords for the driver that clouds.yaml has under that name. Raises ConfigurationError."""
    path, clouds = _clouds(environment)
    if path is None:
        raise ConfigurationError(
            f"there is no clouds.yaml in which {name!r} might be; looked at {_places(environment)}"
        )
    if name not in clouds:
        raise ConfigurationError(f"{path} has no cloud {name!r}; it has: {', '.join(clouds) or 'none'}")
    return _options(clouds[name], f"{path}: cloud {name!r}")


def accounts(provider: str, environment: Environment) -> Iterator[Account]:
    """The clouds of clouds.yaml and of the variables OS_* that are this provider's."""
    path, clouds = _clouds(environment)
    for name, cloud in clouds.items():
        if _provider_of(cloud) != provider:
            continue
        try:
            options = _options(cloud, f"{path}: cloud {name!r}")
        except ConfigurationError:
            options = {"cloud": name}  # the same error is raised, and told, when this account's turn comes
        yield Account(provider, name, options, source=str(path))
    if (url := environment.get("OS_AUTH_URL")) and _provider_at(url) == provider:
        yield Account(provider, "default", _from_variables(environment), source="environment variables")


def _vendor(cloud: Any) -> tuple[str, str] | None:
    """Which driver's the cloud's profile is, and the URL of its Keystone. `cloud` is the older word for `profile`."""
    if not isinstance(cloud, Mapping):
        return None
    return VENDORS.get(str(cloud.get("profile") or cloud.get("cloud")))


def _provider_of(cloud: Any) -> str:
    """Whose the cloud is: by its URL, else by its profile."""
    auth = cloud.get("auth") if isinstance(cloud, Mapping) else None
    if isinstance(auth, Mapping) and auth.get("auth_url"):
        return _provider_at(str(auth["auth_url"]))
    vendor = _vendor(cloud)
    return vendor[0] if vendor else PLAIN


def _provider_at(url: str) -> str:
    try:
        return _HOSTS.get(URL(url).host, PLAIN)
    except ValueError:  # no URL, which its driver tells when its turn comes
        return PLAIN


def _from_variables(environment: Environment) -> dict[str, Any]:
    words = (*AUTH, "auth_type", "region_name", "interface", "cacert", "cert", "key")
    found = {word: value for word in words if (value := environment.get(f"OS_{word.upper()}"))}
    return _options({**found, "auth": found}, "the variables OS_*")


def _options(cloud: Any, where: str) -> dict[str, Any]:
    """The keywords for the driver that a cloud's entry stands for."""
    auth = cloud.get("auth") if isinstance(cloud, Mapping) else None
    if not isinstance(auth, Mapping):
        raise ConfigurationError(f"{where} needs a table with `auth`")
    known = {ours: str(auth[word]) for word, ours in AUTH.items() if auth.get(word)}
    if "endpoint" not in known and (vendor := _vendor(cloud)):
        known["endpoint"] = vendor[1]
    options: dict[str, Any] = _one_way(known, cloud.get("auth_type"), where)
    if region := cloud.get("region_name") or _region_names(cloud.get("regions")):
        options["region"] = region
    if interface := cloud.get("interface") or cloud.get("endpoint_type"):
        options["ex_interface"] = str(interface).removesuffix("URL")
    if version := cloud.get("compute_default_microversion"):
        options["microversion"] = str(version)
    if (tls := _tls(cloud, where)) is not True:
        options["ssl"] = tls
    services = {
        name: url for name in ("compute", "image", "network") if (url := cloud.get(f"{name}_endpoint_override"))
    }
    return {**options, "ex_endpoints": services} if services else options


def _one_way(known: dict[str, str], auth_type: Any, where: str) -> dict[str, str]:
    """The keywords less the secrets of other ways to sign in than the one that counts."""
    if auth_type is not None and auth_type not in AUTH_TYPES:
        raise ConfigurationError(f"{where} signs in by {auth_type!r}; known are {', '.join(AUTH_TYPES)}")
    wanted = AUTH_TYPES[auth_type] if auth_type is not None else next((way for way in WAYS if way in known), None)
    return {key: value for key, value in known.items() if key not in WAYS or key == wanted}


def _region_names(regions: Any) -> list[str]:
    return [str(each["name"]) if isinstance(each, Mapping) else str(each) for each in regions or ()]


def _tls(cloud: Mapping[str, Any], where: str) -> ssl.SSLContext | bool:
    if cloud.get("verify") is False:
        return False
    if not (cloud.get("cacert") or cloud.get("cert")):
        return True
    try:
        context = ssl.create_default_context(cafile=_file(cloud.get("cacert")))
        if certificate := _file(cloud.get("cert")):
            context.load_cert_chain(certificate, _file(cloud.get("key")))
    except OSError as error:  # SSLError is one
        raise ConfigurationError(f"{where}: its certificates cannot be read: {error}") from error
    return context


def _file(name: Any) -> str | None:
    return str(Path(str(name)).expanduser()) if name else None


def _folders(environment: Environment) -> list[Path]:
    return [Path(), environment.home / ".config" / "openstack", Path("/etc/openstack")]


def _candidates(environment: Environment, variable: str, stem: str) -> list[Path]:
    own = environment.get(variable)
    names = [folder / f"{stem}{ending}" for folder in _folders(environment) for ending in (".yaml", ".yml")]
    return [Path(own).expanduser(), *names] if own else names


def _places(environment: Environment) -> str:
    return ", ".join(str(path) for path in _candidates(environment, "OS_CLIENT_CONFIG_FILE", "clouds"))


def _clouds(environment: Environment) -> tuple[Path | None, dict[str, Any]]:
    """The first clouds.yaml there is and its entries, with the secrets that secure.yaml adds."""
    path, public = _first(_candidates(environment, "OS_CLIENT_CONFIG_FILE", "clouds"))
    if path is None:
        return None, {}
    _, secret = _first(_candidates(environment, "OS_CLIENT_SECURE_FILE", "secure"))
    return path, {name: _merged(cloud, secret.get(name)) for name, cloud in public.items()}


def _first(paths: list[Path]) -> tuple[Path | None, dict[str, Any]]:
    for path in paths:
        if path.is_file():
            return path, _read(path)
    return None, {}


def _read(path: Path) -> dict[str, Any]:
    try:
        import yaml
    except ImportError as error:
        raise ConfigurationError(
            f"reading {path} needs PyYAML, which is not installed: pip install 'aiocloud[openstack]'"
        ) from error
    try:
        clouds = (yaml.safe_load(path.read_text("utf-8")) or {}).get("clouds") or {}
        return {str(name): cloud for name, cloud in clouds.items()}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError) as error:
        # The text of a YAML error may quote the file, and with it a secret.
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigurationError(f"{path}{place} cannot be read: {type(error).__name__}") from None


def _merged(public: Any, secret: Any) -> Any:
    if not (isinstance(public, Mapping) and isinstance(secret, Mapping)):
        return public if secret is None else secret
    return {key: _merged(public.get(key), secret.get(key)) for key in {**public, **secret}}
