"""The providers: one module each, found by name, imported when asked for.

No list of them is kept here but the enum, which a test compares with the modules. Other packages add drivers
through the entry-point group `aiocloud.drivers`.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Literal, overload

from aiocloud.errors import ConfigurationError, ProviderNotFoundError, RetiredProviderWarning

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

    from aiocloud.driver import Driver
    from aiocloud.providers.azure import Azure
    from aiocloud.providers.digitalocean import DigitalOcean
    from aiocloud.providers.dreamcompute import DreamCompute
    from aiocloud.providers.dreamhost import DreamHost
    from aiocloud.providers.ec2 import EC2
    from aiocloud.providers.ecp import ECP
    from aiocloud.providers.eucalyptus import Eucalyptus
    from aiocloud.providers.exoscale import Exoscale
    from aiocloud.providers.gce import GCE
    from aiocloud.providers.gogrid import GoGrid
    from aiocloud.providers.hetzner import Hetzner
    from aiocloud.providers.ibm_sbc import IBMSBC
    from aiocloud.providers.ibm_vpc import IBMVPC
    from aiocloud.providers.linode import Linode
    from aiocloud.providers.opennebula import OpenNebula
    from aiocloud.providers.openstack import OpenStack
    from aiocloud.providers.ovh import OVH
    from aiocloud.providers.rackspace import Rackspace
    from aiocloud.providers.rackspace_first_gen import RackspaceFirstGen
    from aiocloud.providers.rimuhosting import RimuHosting
    from aiocloud.providers.scaleway import Scaleway
    from aiocloud.providers.slicehost import Slicehost
    from aiocloud.providers.softlayer import SoftLayer
    from aiocloud.providers.terremark import Terremark
    from aiocloud.providers.upcloud import UpCloud
    from aiocloud.providers.vcloud import VCloud
    from aiocloud.providers.voxel import Voxel
    from aiocloud.providers.vpsnet import VPSNet
    from aiocloud.providers.vultr import Vultr

PLUGINS = "aiocloud.drivers"


class Provider(StrEnum):
    """The ids of the providers whose drivers ship with the package."""

    AZURE = "azure"
    DIGITALOCEAN = "digitalocean"
    DREAMCOMPUTE = "dreamcompute"
    DREAMHOST = "dreamhost"
    EC2 = "ec2"
    ECP = "ecp"
    EUCALYPTUS = "eucalyptus"
    EXOSCALE = "exoscale"
    GCE = "gce"
    GOGRID = "gogrid"
    HETZNER = "hetzner"
    IBM_SBC = "ibm_sbc"
    IBM_VPC = "ibm_vpc"
    LINODE = "linode"
    OPENNEBULA = "opennebula"
    OPENSTACK = "openstack"
    OVH = "ovh"
    RACKSPACE = "rackspace"
    RACKSPACE_FIRST_GEN = "rackspace_first_gen"
    RIMUHOSTING = "rimuhosting"
    SCALEWAY = "scaleway"
    SLICEHOST = "slicehost"
    SOFTLAYER = "softlayer"
    TERREMARK = "terremark"
    UPCLOUD = "upcloud"
    VCLOUD = "vcloud"
    VOXEL = "voxel"
    VPSNET = "vpsnet"
    VULTR = "vultr"


@overload
def get_driver(provider: Literal[Provider.AZURE, "azure"]) -> type[Azure]: ...
@overload
def get_driver(provider: Literal[Provider.DIGITALOCEAN, "digitalocean"]) -> type[DigitalOcean]: ...
@overload
def get_driver(provider: Literal[Provider.DREAMCOMPUTE, "dreamcompute"]) -> type[DreamCompute]: ...
@overload
def get_driver(provider: Literal[Provider.DREAMHOST, "dreamhost"]) -> type[DreamHost]: ...
@overload
def get_driver(provider: Literal[Provider.EC2, "ec2"]) -> type[EC2]: ...
@overload
def get_driver(provider: Literal[Provider.ECP, "ecp"]) -> type[ECP]: ...
@overload
def get_driver(provider: Literal[Provider.EUCALYPTUS, "eucalyptus"]) -> type[Eucalyptus]: ...
@overload
def get_driver(provider: Literal[Provider.EXOSCALE, "exoscale"]) -> type[Exoscale]: ...
@overload
def get_driver(provider: Literal[Provider.GCE, "gce"]) -> type[GCE]: ...
@overload
def get_driver(provider: Literal[Provider.GOGRID, "gogrid"]) -> type[GoGrid]: ...
@overload
def get_driver(provider: Literal[Provider.HETZNER, "hetzner"]) -> type[Hetzner]: ...
@overload
def get_driver(provider: Literal[Provider.IBM_SBC, "ibm_sbc"]) -> type[IBMSBC]: ...
@overload
def get_driver(provider: Literal[Provider.IBM_VPC, "ibm_vpc"]) -> type[IBMVPC]: ...
@overload
def get_driver(provider: Literal[Provider.LINODE, "linode"]) -> type[Linode]: ...
@overload
def get_driver(provider: Literal[Provider.OPENNEBULA, "opennebula"]) -> type[OpenNebula]: ...
@overload
def get_driver(provider: Literal[Provider.OPENSTACK, "openstack"]) -> type[OpenStack]: ...
@overload
def get_driver(provider: Literal[Provider.OVH, "ovh"]) -> type[OVH]: ...
@overload
def get_driver(provider: Literal[Provider.RACKSPACE, "rackspace"]) -> type[Rackspace]: ...
@overload
def get_driver(provider: Literal[Provider.RACKSPACE_FIRST_GEN, "rackspace_first_gen"]) -> type[RackspaceFirstGen]: ...
@overload
def get_driver(provider: Literal[Provider.RIMUHOSTING, "rimuhosting"]) -> type[RimuHosting]: ...
@overload
def get_driver(provider: Literal[Provider.SCALEWAY, "scaleway"]) -> type[Scaleway]: ...
@overload
def get_driver(provider: Literal[Provider.SLICEHOST, "slicehost"]) -> type[Slicehost]: ...
@overload
def get_driver(provider: Literal[Provider.SOFTLAYER, "softlayer"]) -> type[SoftLayer]: ...
@overload
def get_driver(provider: Literal[Provider.TERREMARK, "terremark"]) -> type[Terremark]: ...
@overload
def get_driver(provider: Literal[Provider.UPCLOUD, "upcloud"]) -> type[UpCloud]: ...
@overload
def get_driver(provider: Literal[Provider.VCLOUD, "vcloud"]) -> type[VCloud]: ...
@overload
def get_driver(provider: Literal[Provider.VOXEL, "voxel"]) -> type[Voxel]: ...
@overload
def get_driver(provider: Literal[Provider.VPSNET, "vpsnet"]) -> type[VPSNet]: ...
@overload
def get_driver(provider: Literal[Provider.VULTR, "vultr"]) -> type[Vultr]: ...
@overload
def get_driver(provider: str) -> type[Driver]: ...


def get_driver(provider: str) -> type[Driver]:
    """The driver class of a provider, imported now if it was not before.

    `provider` is a member of `Provider`, or an id as text in any case. Warns (RetiredProviderWarning) when the provider
    is no more. Raises ProviderNotFoundError, which names the ids that come near.

    >>> get_driver("linod")
    Traceback (most recent call last):
    aiocloud.errors.ProviderNotFoundError: no provider 'linod'. Did you mean linode?
    """
    name = str(provider).strip().lower().replace("-", "_")
    driver = _shipped(name) or _plugged_in(name)
    if driver is None:
        raise ProviderNotFoundError(f"no provider {provider!r}. {_suggestion(name)}")
    if driver.retired is not None:
        successor = f"; its successor is {driver.retired.successor}" if driver.retired.successor else ""
        message = f"{driver.title} closed in {driver.retired.since}{successor}"
        warnings.warn(message, RetiredProviderWarning, stacklevel=2)
    return driver


def provider_ids() -> list[str]:
    """The ids of all drivers there are, shipped and plugged in, without importing one."""
    return sorted(_shipped_ids() | {entry.name for entry in _plugins()})


@cache
def _shipped_ids() -> frozenset[str]:
    """The modules beside this one."""
    return frozenset(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


@cache
def _shipped(name: str) -> type[Driver] | None:
    if name not in _shipped_ids():
        return None
    return _driver_in(f"{__name__}.{name}", name)


def _driver_in(module_name: str, provider: str) -> type[Driver]:
    from aiocloud.driver import Driver

    module = importlib.import_module(module_name)
    for thing in vars(module).values():
        if isinstance(thing, type) and issubclass(thing, Driver) and getattr(thing, "provider", None) == provider:
            return thing
    raise ConfigurationError(f"{module_name} has no driver whose `provider` is {provider!r}")


def _plugged_in(name: str) -> type[Driver] | None:
    from aiocloud.driver import Driver

    for entry in _plugins().select(name=name):
        driver = entry.load()
        if not (isinstance(driver, type) and issubclass(driver, Driver)):
            raise ConfigurationError(f"the entry point {entry.value} of {PLUGINS} is no driver class")
        return driver
    return None


def _plugins() -> EntryPoints:
    """The drivers of other packages. Whoever wants one of ours does not wait for what finds them."""
    from importlib.metadata import entry_points

    return entry_points(group=PLUGINS)


def _suggestion(name: str) -> str:
    import difflib  # for a mistake only

    near = difflib.get_close_matches(name, provider_ids(), n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(provider_ids())}"
