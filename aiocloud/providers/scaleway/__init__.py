"""Scaleway, Instances API v1: https://www.scaleway.com/en/developers/api/instances/"""

from aiocloud.providers.scaleway.driver import Scaleway

__all__ = ["Scaleway"]
