"""VoxCloud, by its hAPI: signed questions, XML. The site and the documentation are gone.

What is known comes from clients: Apache Libcloud 0.5 to 3.6, and fog.
"""

from aiocloud.providers.voxel.driver import Voxel

__all__ = ["Voxel"]
