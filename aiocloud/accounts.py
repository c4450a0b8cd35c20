"""Accounts: which credentials there are, and where they were found.

Nothing here makes a driver or touches the network, so that thousands of configured accounts cost nothing
until they are used.
"""

from __future__ import annotations

import configparser
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiocloud.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Environment:
    """Where accounts are looked for: environment variables, the home folder, the folder of our own configuration."""

    variables: Mapping[str, str] = field(repr=False)
    home: Path
    config: Path

    @classmethod
    def current(cls) -> Environment:
        """That of this process. `AIOCLOUD_CONFIG` names another folder for our own configuration."""
        from platformdirs import user_config_path

        own = os.environ.get("AIOCLOUD_CONFIG")
        return cls(os.environ, Path.home(), Path(own) if own else user_config_path("aiocloud"))

    def get(self, *names: str) -> str | None:
        """The first of these variables that is set and not empty."""
        return next((value for name in names if (value := self.variables.get(name))), None)

    def require_whole(self, *names: str) -> None:
        """Raises ConfigurationError where some of these variables are set, and not all: a login that lacks a half."""
        missing = [name for name in names if not self.get(name)]
        if 0 < len(missing) < len(names):
            there = " and ".join(name for name in names if name not in missing)
            raise ConfigurationError(f"{there} is set, and {' and '.join(missing)} is not")


@dataclass(frozen=True, slots=True)
class Account:
    """One set of credentials: `options` are keyword arguments for the driver's constructor.

    `source` says in a user's words where it was found.
    """

    provider: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    source: str = ""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A source of accounts that is there, and cannot be used. `name` is the account's, where it has one."""

    provider: str
    name: str
    error: Exception


def read_ini(path: Path, **options: Any) -> configparser.ConfigParser:
    """The sections of a file that another tool keeps; none if there is no such file.

    Raises ConfigurationError, which quotes nothing of the file: it may hold a secret in any line.
    """
    parser = configparser.ConfigParser(interpolation=None, strict=False, **options)
    try:
        parser.read_string(path.read_text("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return parser
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except (configparser.Error, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}{_line(error)}") from None
    return parser


def _line(error: Exception) -> str:
    if isinstance(error, configparser.MissingSectionHeaderError):
        return f" in line {error.lineno}"
    return f" in line {error.errors[0][0]}" if isinstance(error, configparser.ParsingError) else ""


OWN_FILE = "accounts.toml"


def from_file(environment: Environment) -> Iterator[Account | Unusable]:
    """The accounts in `accounts.toml` of our configuration folder; none if there is no such file.

    Each table is an account: its name, `provider`, and the driver's own keywords. A value may also be
    `{env = "NAME"}` or `{file = "path"}`, so that the file itself holds no secret. What is wrong with one account
    costs none of the others.
    """
    path = environment.config / OWN_FILE
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        yield Unusable(OWN_FILE, "", ConfigurationError(f"{path} cannot be read: {error}"))
        return
    for name, table in tables.items():
        try:
            yield _account(name, table, environment, path)
        except ConfigurationError as error:
            provider = table.get("provider") if isinstance(table, dict) else None
            yield Unusable(provider if isinstance(provider, str) else OWN_FILE, name, error)


def _account(name: str, table: Any, environment: Environment, path: Path) -> Account:
    where = f'{path}: account "{name}"'
    if not isinstance(table, dict) or not isinstance(table.get("provider"), str):
        raise ConfigurationError(f"{where} needs a table with a `provider`")
    options = {key: _value(value, environment, where) for key, value in table.items() if key != "provider"}
    return Account(table["provider"], name, options, source=str(path))


def _value(value: Any, environment: Environment, where: str) -> Any:
    match value:
        case {"env": str(variable)}:
            if (found := environment.get(variable)) is None:
                raise ConfigurationError(f"{where} wants the environment variable {variable}, which is not set")
            return found
        case {"file": str(name)}:
            try:
                return (environment.config / Path(name).expanduser()).read_text("utf-8").strip()
            except OSError as error:
                raise ConfigurationError(f"{where} wants the file {name}: {error.strerror}") from error
            except (ValueError, RuntimeError):  # no text, no path, no such user's home
                raise ConfigurationError(f"{where} wants the file {name}, which holds no text") from None
        case {"env": _} | {"file": _}:
            raise ConfigurationError(f'{where}: "env" and "file" want a name')
        case dict():
            return {key: _value(each, environment, where) for key, each in value.items()}
    return value
