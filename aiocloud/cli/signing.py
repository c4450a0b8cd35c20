"""How nodes are signed in to, as it was typed."""

from __future__ import annotations

from argparse import Namespace

from aiocloud.cli.ordering import read
from aiocloud.deploy.hostkeys import PinnedHostKeys
from aiocloud.deploy.keys import load_key
from aiocloud.deploy.ssh import HowToSignIn, policy_named
from aiocloud.values import Secret


def how_to_sign_in(arguments: Namespace) -> HowToSignIn:
    """Only what was typed: all else is as the account's `ssh` says. Raises ConfigurationError."""
    how: HowToSignIn = {}
    if arguments.key:
        how["ssh_key"] = arguments.key
    if arguments.key_password_file:
        how["ssh_key_password"] = Secret(read(arguments.key_password_file).decode("utf-8", "replace").rstrip("\r\n"))
    for path in arguments.key or ():
        load_key(path, how.get("ssh_key_password"))  # what is wrong with it is told once, and not for each node
    if arguments.user:
        how["ssh_username"] = arguments.user
    if arguments.port:
        how["ssh_port"] = arguments.port
    if arguments.jump:
        how["jump"] = arguments.jump
    if arguments.private:
        how["ssh_interface"] = "private_ips"
    if arguments.host_keys:
        how["host_keys"] = policy_named(arguments.host_keys)
    if arguments.host_key:
        how["host_keys"] = PinnedHostKeys(*arguments.host_key)
    return how
