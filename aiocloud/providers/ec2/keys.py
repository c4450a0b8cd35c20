"""Key pairs, which every region keeps for itself."""

from __future__ import annotations

import base64
import binascii
import hashlib
from contextlib import suppress
from functools import partial
from typing import ClassVar

from aiocloud.dialects.ec2 import KEY_PAIR, Query
from aiocloud.driver import KeyPairs
from aiocloud.errors import ConfigurationError, ConflictError
from aiocloud.http.paging import Pager
from aiocloud.http.together import together
from aiocloud.models import KeyPair, Location
from aiocloud.providers.ec2.regional import Regional


class Keys(Regional, KeyPairs):
    """Key pairs. A name stands for one key in all the regions of the driver."""

    shows_public_keys: ClassVar[bool] = True

    def list_key_pairs(self) -> Pager[KeyPair]:
        """The key pairs of each region of the driver: one that is known in two of them is listed twice."""
        params = {"IncludePublicKey": True} if self.shows_public_keys else {}
        return self._everywhere(lambda query: query.list_whole("DescribeKeyPairs", KEY_PAIR, "keySet", params))

    async def import_key_pair_from_string(self, name: str, key_material: str) -> KeyPair:
        """Make a public key known in all the regions of the driver."""
        read_public_key(key_material)
        calls = [partial(import_key, self.ex_query(region), name, key_material) for region in await self._regions()]
        return (await together(*calls))[0]

    async def delete_key_pair(self, key_pair: KeyPair | str) -> None:
        """Forget the key pair of that name in all the regions of the driver. The API does not say if there was one."""
        name = key_pair if isinstance(key_pair, str) else key_pair.name
        for region in await self._regions():
            await self.ex_query(region).call("DeleteKeyPair", {"KeyName": name}, idempotent=True)

    async def forget_public_key(self, public_key: str, *, location: Location | str | None = None) -> None:
        """Remove the key pair that `create_node` has made of it in that place, or in the driver's only region."""
        query = self.ex_query(await self._region_of(location))
        await query.call("DeleteKeyPair", {"KeyName": own_name(public_key)}, idempotent=True)


async def import_key(query: Query, name: str, key_material: str, *, idempotent: bool = False) -> KeyPair:
    """Make a public key known in one region. Raises ConflictError if the name is taken."""
    line = key_material.strip()
    params = {"KeyName": name, "PublicKeyMaterial": base64.b64encode(line.encode()).decode()}
    payload = await query.call("ImportKeyPair", params, idempotent=idempotent)
    return query.client.read(KEY_PAIR, {**payload, "publicKey": line}, operation="ImportKeyPair")


async def known_key(query: Query, key_material: str) -> str:
    """The name under which a public key is known in a region from now on, made of its fingerprint."""
    name = own_name(key_material)
    with suppress(ConflictError):  # known already: no other key has that name
        await import_key(query, name, key_material, idempotent=True)
    return name


def own_name(key_material: str) -> str:
    """The name that a public key gets from us."""
    return f"aiocloud-{hashlib.sha256(read_public_key(key_material)).hexdigest()[:32]}"


def read_public_key(line: str) -> bytes:
    """The key in a line as OpenSSH writes it. Raises ConfigurationError for anything else."""
    words = line.split()
    try:
        return base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error):
        raise ConfigurationError("this is no public key as OpenSSH writes it (`ssh-ed25519 AAAA… comment`)") from None
