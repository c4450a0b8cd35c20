"""GoGrid, API version 1.8: signed questions, JSON. Its site and its documentation are gone.

What is known comes from clients: Apache Libcloud 0.4 to 3.6, jclouds 1.5, Dasein, Deltacloud.
"""

from aiocloud.providers.gogrid.driver import GoGrid

__all__ = ["GoGrid"]
