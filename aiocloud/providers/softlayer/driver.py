"""The driver, put together from its parts."""

from __future__ import annotations

from aiocloud.providers.softlayer.extras import Extras


class SoftLayer(Extras):
    """Needs the name of an API user and its key; the user `apikey` goes with a key of IBM Cloud's platform.

    `region` is the data centre ("ams03") where nodes are made that name no location. A guest has a host name and a
    domain: the name "web-1.example.org" gives both; a name without dots gets the `ex_domain` of the call, or else that
    of the driver. `Node.name` is the host name alone.

    Sizes are flavours ("B1_2X4X100": family, cores, GB of memory, GB of disk); one without a family ("2X4X100") is
    put together from parts. Images are reference codes ("DEBIAN_12_64") or global identifiers of image templates.
    Passwords are not known before a guest is provisioned, so that no node carries one: see `ex_get_password`.
    Tags are words there: ours are written `key:value`.
    """
