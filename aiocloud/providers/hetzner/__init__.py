"""Hetzner Cloud, API v1: https://docs.hetzner.cloud/reference/cloud

shapes   what its answers mean: states, models, errors, pages
driver   the driver
"""

from aiocloud.providers.hetzner.driver import Hetzner

__all__ = ["Hetzner"]
