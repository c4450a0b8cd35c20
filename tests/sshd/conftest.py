"""Real sshds for tests.

sshd        one that runs; sign in as `sshd.username` (who runs the tests) with `sshd.key`
start_sshd  starts one with options of sshd_config: `start_sshd(MaxSessions=1)`
sshd_user   somebody whose home may be written to, and who has a password; `sshd.key` is his too

Where they cannot be had, tests are skipped; with AIOCLOUD_INTEROP=1 they fail.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import pytest

from tests.sshd.daemon import Sshd, SshdError, obstacle
from tests.sshd.users import User, throw_away_user

StartSshd: TypeAlias = Callable[..., Sshd]
"""Takes what `Sshd` takes, the folder excepted."""


def required() -> bool:
    return os.environ.get("AIOCLOUD_INTEROP") == "1"


def cannot(reason: str) -> NoReturn:
    """Skip, or fail where nothing may be skipped."""
    if required():
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def sshd_folder() -> Iterator[Path]:
    """A folder into which every user may go; pytest's own are closed to them."""
    folder = Path(tempfile.mkdtemp(prefix="aiocloud-sshd-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start_sshd(sshd_folder: Path) -> Iterator[StartSshd]:
    """Starts sshds, which end with the test."""
    reason = obstacle()
    if reason is not None:
        cannot(reason)
    with ExitStack() as running:

        def start(**options: Any) -> Sshd:
            folder = Path(tempfile.mkdtemp(dir=sshd_folder))
            folder.chmod(0o711)
            try:
                return running.enter_context(Sshd(folder, **options))
            except SshdError as error:
                cannot(str(error))

        yield start


@pytest.fixture
def sshd(start_sshd: StartSshd) -> Sshd:
    """An sshd that runs."""
    return start_sshd()


@pytest.fixture(scope="session")
def _user() -> Iterator[User]:
    if not required():
        pytest.skip("a user is added to this machine with AIOCLOUD_INTEROP=1 alone")
    if os.geteuid() != 0:
        cannot("only root can add a user")
    with throw_away_user() as user:
        yield user


@pytest.fixture
def sshd_user(_user: User) -> User:
    """Somebody of the tests' own, whose home is empty."""
    _user.empty_home()
    return _user
