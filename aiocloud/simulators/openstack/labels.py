"""Compute: metadata and tags of servers."""

from __future__ import annotations

from aiocloud.http.message import Response
from aiocloud.simulators.openstack.nova import nova
from aiocloud.simulators.openstack.servers import find
from aiocloud.simulators.openstack.wire import Ask, Failure, reply


@nova.route("GET /servers/{id}/metadata")
def show_metadata(ask: Ask) -> Response:
    """A server's labels."""
    return reply(200, {"metadata": find(ask).metadata})


@nova.route("POST /servers/{id}/metadata")
@nova.route("PUT /servers/{id}/metadata")
def set_metadata(ask: Ask) -> Response:
    """More labels, or (PUT) none but these."""
    server, given = find(ask), {key: str(value) for key, value in ask.part("metadata").items()}
    server.metadata = given if ask.request.method == "PUT" else {**server.metadata, **given}
    return reply(200, {"metadata": server.metadata})


@nova.route("DELETE /servers/{id}/metadata/{key}")
def delete_metadata(ask: Ask) -> Response:
    """An end to a label."""
    if find(ask).metadata.pop(ask.params["key"], None) is None:
        raise Failure(404, "Metadata item was not found")
    return reply(204)


@nova.route("GET /servers/{id}/metadata/{key}")
def show_metadata_item(ask: Ask) -> Response:
    """One label."""
    metadata, key = find(ask).metadata, ask.params["key"]
    if key not in metadata:
        raise Failure(404, "Metadata item was not found")
    return reply(200, {"meta": {key: metadata[key]}})


@nova.route("PUT /servers/{id}/metadata/{key}")
def set_metadata_item(ask: Ask) -> Response:
    """One label more."""
    server, key = find(ask), ask.params["key"]
    server.metadata[key] = str(ask.part("meta").get(key, ""))
    return reply(200, {"meta": {key: server.metadata[key]}})


@nova.route("GET /servers/{id}/tags", since=(2, 26))
def show_tags(ask: Ask) -> Response:
    """A server's tags."""
    return reply(200, {"tags": find(ask).tags})


@nova.route("PUT /servers/{id}/tags", since=(2, 26))
def set_tags(ask: Ask) -> Response:
    """These tags, and no other."""
    server = find(ask)
    tags = ask.body.get("tags")
    if not isinstance(tags, list):
        raise Failure(400, "Invalid input for field/attribute tags. 'tags' is a required property")
    server.tags = [str(tag) for tag in tags]
    return reply(200, {"tags": server.tags})


@nova.route("DELETE /servers/{id}/tags", since=(2, 26))
def clear_tags(ask: Ask) -> Response:
    """No tags."""
    find(ask).tags = []
    return reply(204)


@nova.route("PUT /servers/{id}/tags/{tag}", since=(2, 26))
def add_tag(ask: Ask) -> Response:
    """One tag more."""
    server, tag = find(ask), ask.params["tag"]
    if tag in server.tags:
        return reply(204)
    server.tags.append(tag)
    return reply(201, None, Location=f"{ask.base}/servers/{server.id}/tags/{tag}")


@nova.route("DELETE /servers/{id}/tags/{tag}", since=(2, 26))
def delete_tag(ask: Ask) -> Response:
    """One tag less."""
    server, tag = find(ask), ask.params["tag"]
    if tag not in server.tags:
        raise Failure(404, f"Server {server.id} has no tag '{tag}'")
    server.tags.remove(tag)
    return reply(204)
