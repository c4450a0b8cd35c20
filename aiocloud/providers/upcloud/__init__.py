"""UpCloud, API 1.3: https://developers.upcloud.com/1.3/"""

from aiocloud.providers.upcloud.driver import UpCloud

__all__ = ["UpCloud"]
