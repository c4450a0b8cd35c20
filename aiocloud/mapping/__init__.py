"""From a provider's payload to a model: `Shape`, `at`, `one_of`.

A shape is declared once, at import, and checked there: a field that the model does not have, or a required
one that nobody fills, is a TypeError before the first request.

>>> from aiocloud.models import Node, NodeState
>>> STATES = {"initializing": NodeState.PENDING, "running": NodeState.RUNNING}
>>> NODE = Shape(
...     Node,
...     id=at("id", str),
...     name=at("name"),
...     state=at("status", one_of(STATES, NodeState.UNKNOWN)),
...     public_ips=at("net.ip", lambda ip: (ip,), default=()),
... )
>>> node = NODE({"id": 7, "name": "web", "status": "hibernating", "net": {"ip": "198.51.100.7"}})
>>> node.id, node.state.value, node.public_ips, node.extra["status"]
('7', 'unknown', ('198.51.100.7',), 'hibernating')

Absent and null are the same. A field of the model that has a default keeps it; one that has none is
the provider's fault, and named:

>>> NODE({"name": "web"})
Traceback (most recent call last):
aiocloud.errors.MalformedResponseError: a Node without `id` (looked for at `id`)

Paths are deliberately dumb: keys joined by dots. For anything cleverer, give a function of the payload.
"""

from aiocloud.mapping.converting import addresses as addresses
from aiocloud.mapping.converting import by_reach as by_reach
from aiocloud.mapping.converting import is_private as is_private
from aiocloud.mapping.converting import system_in as system_in
from aiocloud.mapping.converting import timestamp as timestamp
from aiocloud.mapping.reading import At as At
from aiocloud.mapping.reading import at as at
from aiocloud.mapping.reading import dig as dig
from aiocloud.mapping.reading import one_of as one_of
from aiocloud.mapping.reading import several as several
from aiocloud.mapping.reading import without as without
from aiocloud.mapping.shape import Shape as Shape
from aiocloud.mapping.shape import keys_of as keys_of
from aiocloud.mapping.shape import raw as raw
