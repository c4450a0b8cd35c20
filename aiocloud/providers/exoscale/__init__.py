"""Exoscale, API v2: https://openapi-v2.exoscale.com"""

from aiocloud.providers.exoscale.driver import Exoscale

__all__ = ["Exoscale"]
