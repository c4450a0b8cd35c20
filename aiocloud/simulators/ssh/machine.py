"""What a simulator's world tells of a node."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiocloud.values import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A node as its SSH server must know it.

    `keys` are the public keys that it was given at create, `password` root's. `user_data` is raw. `mark` changes when
    the node is installed anew under the same id.
    """

    id: str
    name: str
    running: bool
    keys: tuple[str, ...] = ()
    password: Secret | None = field(default=None, repr=False)
    user_data: bytes | None = field(default=None, repr=False)
    mark: object = None
