"""IBM SmartCloud Enterprise, closed in 2014, before that Smart Business Cloud and Developer Cloud: XML over HTTP.

No page of its documentation is left; clients of its time (Apache Libcloud, fog, jclouds) tell what it was.
"""

from aiocloud.providers.ibm_sbc.driver import IBMSBC

__all__ = ["IBMSBC"]
