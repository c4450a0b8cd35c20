"""SoftLayer (IBM Cloud classic infrastructure), XML-RPC v3.1: https://sldn.softlayer.com/reference/softlayerapi/"""

from aiocloud.providers.softlayer.driver import SoftLayer

__all__ = ["SoftLayer"]
