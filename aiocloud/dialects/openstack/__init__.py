"""OpenStack: what its providers have in common. A provider inherits `OpenStackDriver` and says how to sign in."""

from aiocloud.dialects.openstack.extras import OpenStackDriver as OpenStackDriver
