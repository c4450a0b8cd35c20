"""The files that Amazon's own tools keep credentials in.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiocloud.accounts import Environment, read_ini
from aiocloud.dialects.ec2 import Credentials
from aiocloud.values import Secret


@dataclass(frozen=True, slots=True)
class Profile:
    """What the files say of one profile: its access key, if they hold one, and its region.

    `needs` names what a profile without a key relies on: "sso_session", "role_arn", "credential_process" and the like.
    """

    name: str
    source: str
    credentials: Credentials | None = None
    region: str | None = None
    needs: str | None = None


def profiles(environment: Environment) -> Mapping[str, Profile]:
    """All profiles of both files, by name. Raises ConfigurationError for a file that cannot be read."""
    home = environment.home / ".aws"
    secrets_file = _path(environment, "AWS_SHARED_CREDENTIALS_FILE", home / "credentials")
    config_file = _path(environment, "AWS_CONFIG_FILE", home / "config")
    secrets, config = _sections(secrets_file), _sections(config_file)
    config = {name.removeprefix("profile").strip() or name: values for name, values in config.items() if _named(name)}
    return {
        # What both say, the credentials file says better.
        name: _profile(
            name, {**config.get(name, {}), **secrets.get(name, {})}, secrets_file, config_file, name in secrets
        )
        for name in {**secrets, **config}
    }


NEEDS = ("sso_session", "sso_start_url", "role_arn", "credential_process", "login_session")


def _profile(name: str, values: Mapping[str, str], secrets: Path, config: Path, in_secrets: bool) -> Profile:
    key, secret = values.get("aws_access_key_id"), values.get("aws_secret_access_key")
    token = values.get("aws_session_token")
    credentials = Credentials(key, Secret(secret), Secret(token) if token else None) if key and secret else None
    needs = next((word for word in NEEDS if values.get(word)), None)
    return Profile(name, str(secrets if in_secrets else config), credentials, values.get("region"), needs)


def _named(section: str) -> bool:
    """Whether a section of the configuration file is a profile; there are `sso-session` and others."""
    return section == "default" or section.split(maxsplit=1)[0] == "profile"


def _path(environment: Environment, variable: str, default: Path) -> Path:
    named = environment.get(variable)
    if not named:
        return default
    return environment.home / named[2:] if named.startswith("~/") else Path(named)


def _sections(path: Path) -> dict[str, dict[str, str]]:
    parser = read_ini(path, default_section="\0none")
    return {name: dict(parser[name]) for name in parser.sections()}
