"""Vultr, API v2: https://docs.vultr.com/api

shapes   what its answers mean: states, models, errors
driver   the driver
"""

from aiocloud.providers.vultr.driver import Vultr

__all__ = ["Vultr"]
