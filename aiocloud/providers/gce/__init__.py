"""Google Compute Engine, API v1: https://cloud.google.com/compute/docs/reference/rest/v1"""

from aiocloud.providers.gce.driver import GCE

__all__ = ["GCE"]
