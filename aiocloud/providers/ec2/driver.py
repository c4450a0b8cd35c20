"""The driver, made of its resources."""

from __future__ import annotations

from aiocloud.providers.ec2.images import Images
from aiocloud.providers.ec2.keys import Keys
from aiocloud.providers.ec2.market import Market
from aiocloud.providers.ec2.networks import Networks
from aiocloud.providers.ec2.nodes import Nodes


class EC2(Nodes, Images, Market, Keys, Networks):
    """Needs an access key, or nothing at all for sizes, prices and places (`EC2.anonymous()`).

    Without `access_key_id` and `secret_access_key` the key is looked for, when the first request is sent, where
    Amazon's own tools look: AWS_… variables, the profile named by AWS_PROFILE or `default` in ~/.aws/credentials
    and ~/.aws/config, the endpoint of a container, the metadata service of an instance (version 2). `profile` names
    the only one to take. Keys that end are renewed before they do. `environment` replaces the variables and the home
    folder of this process.

    `region` is "eu-west-1", or several in a list, or "all" that the account may use; without it, that of the
    environment or profile where the key comes from there, else us-east-1. Lists go through all regions of the driver;
    nodes are made in the first, unless `location` names another region or a zone. Each region has limits and a client
    of its own; `endpoint` replaces the addresses of all.
    """
