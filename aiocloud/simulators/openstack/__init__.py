"""OpenStack in miniature: Keystone, Nova, Glance and Neutron, one file per concern."""

from aiocloud.simulators.openstack.simulator import OpenStackSimulator

__all__ = ["OpenStackSimulator"]
