"""The road from a driver to its API, one concern per file.

A request passes these layers, outermost first, and its answer passes them back:

1. `retry` decides on our own exceptions whether to send again, and waits.
2. `errors` turns the provider's no into one of our exceptions, by a table.
3. `ratelimit` takes a slot: every attempt takes one, so a retried request cannot jump the queue.
4. `auth` signs: every attempt afresh, so that a repeated request never carries a stale date or token.
5. `wirelog` notes each attempt, without its secrets.
6. `transport` leaves the process, through a `session` that drivers share. These two alone import aiohttp.

`client` puts them together; `paging` makes lists of answers; `codecs` reads bodies, and `outlines` and `xmlitems` long
lists in them; `together` makes several calls at once, and `once` a call that many want; `descriptors` tells how many
connections the process may open.
"""
