"""DigitalOcean, API v2: https://docs.digitalocean.com/reference/api/"""

from aiocloud.providers.digitalocean.driver import DigitalOcean

__all__ = ["DigitalOcean"]
