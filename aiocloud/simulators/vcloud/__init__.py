"""VMware Cloud Director in miniature."""

from aiocloud.simulators.vcloud.simulator import VCloudSimulator

__all__ = ["VCloudSimulator"]
