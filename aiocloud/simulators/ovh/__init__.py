"""OVHcloud Public Cloud in miniature: OpenStack, and beside it OVHcloud's own API with the order catalogue.

catalogue   flavors and plans, from recorded facts
api         OVHcloud's API: its signatures, the catalogue, flavors and images
instances   OVHcloud's API: SSH keys and instances
simulator   both behind one address
"""

from aiocloud.simulators.ovh.simulator import OVHSimulator

__all__ = ["OVHSimulator"]
