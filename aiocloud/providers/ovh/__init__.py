"""OVHcloud Public Cloud, which is OpenStack, with the prices of the order catalogue: https://help.ovhcloud.com/

places   regions, where they are, and under which plans their instances are sold
shapes   what the catalogue and Glance say, as models
market   the order catalogue, which is open to all
names    flavors and images by their names
driver   the driver
"""

from aiocloud.providers.ovh.driver import OVH

__all__ = ["OVH"]
