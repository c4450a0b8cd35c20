"""Microsoft Azure, by way of its Resource Manager: https://learn.microsoft.com/rest/api/compute/"""

from aiocloud.providers.azure.driver import Azure

__all__ = ["Azure"]
