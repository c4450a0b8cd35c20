"""IBM Cloud VPC, API of 2026-06-02, generation 2: https://cloud.ibm.com/apidocs/vpc/latest"""

from aiocloud.providers.ibm_vpc.driver import IBMVPC

__all__ = ["IBMVPC"]
