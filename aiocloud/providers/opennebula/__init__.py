"""OpenNebula, XML-RPC: https://docs.opennebula.io/7.0/product/integration_references/system_interfaces/api"""

from aiocloud.providers.opennebula.driver import OpenNebula

__all__ = ["OpenNebula"]
