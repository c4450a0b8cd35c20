"""Images, version 2 of their API."""

from __future__ import annotations

from functools import partial
from hashlib import md5
from html import escape

from aiocloud.http.message import Response, headers_of
from aiocloud.simulators.openstack.nova import visible_images
from aiocloud.simulators.openstack.wire import (
    TITLES,
    Ask,
    Failure,
    Payload,
    Service,
    next_link,
    page,
    reply,
    stamp,
)
from aiocloud.simulators.openstack.world import Picture

PAGE, MOST = 25, 1000
MINOR_VERSIONS = (17, 16, 15, 9, 7, 6, 5, 4, 3, 2, 1, 0)
NOT_FILTERS = frozenset({"limit", "marker", "sort", "sort_key", "sort_dir", "member_status"})


def render(ask: Ask, failure: Failure) -> Response:
    """A failure in Glance's words: a page for people, or JSON when that alone is accepted."""
    status = f"{failure.status} {TITLES.get(failure.status, 'Error')}"
    accepted = ask.request.headers.get("Accept", "")
    if "json" in accepted and "html" not in accepted:
        message = f"{failure.message}<br /><br />\n\n\n"
        return reply(failure.status, {"message": message, "code": status, "title": status[4:]})
    page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1>{escape(failure.message)}</body></html>"
    headers = headers_of({"Content-Type": "text/html; charset=UTF-8"})
    return Response(status=failure.status, headers=headers, body=page.encode())


glance = Service("image", render)


def _versions(ask: Ask, status: int) -> Response:
    versions = [
        {
            "id": f"v2.{minor}",
            "status": "CURRENT" if minor == MINOR_VERSIONS[0] else "SUPPORTED",
            "links": [{"rel": "self", "href": f"{ask.root}/v2/"}],
        }
        for minor in MINOR_VERSIONS
    ]
    return reply(status, {"versions": versions})


@glance.route("GET /", public=True)
def versions(ask: Ask) -> Response:
    """All versions, among which to choose."""
    return _versions(ask, 300)


@glance.route("GET /versions", public=True)
def versions_listed(ask: Ask) -> Response:
    """All versions."""
    return _versions(ask, 200)


def image_view(ask: Ask, picture: Picture) -> Payload:
    """An image; what its owner says of it stands beside Glance's own fields."""
    state = picture.state.seen(ask.now)
    return {
        **picture.properties,
        "id": picture.id,
        "name": picture.name,
        "status": state,
        "visibility": picture.visibility,
        "protected": picture.protected,
        "owner": picture.owner,
        "size": picture.size if state == "active" else None,
        "virtual_size": None,
        "min_disk": picture.min_disk,
        "min_ram": picture.min_ram,
        "disk_format": picture.disk_format,
        "container_format": picture.container_format,
        "checksum": md5(picture.id.encode(), usedforsecurity=False).hexdigest(),
        "os_hidden": False,
        "tags": list(picture.tags),
        "created_at": stamp(picture.created),
        "updated_at": stamp(picture.created),
        "self": f"/v2/images/{picture.id}",
        "file": f"/v2/images/{picture.id}/file",
        "schema": "/v2/schemas/image",
    }


def _matches(ask: Ask, view: Payload) -> bool:
    for word, wanted in ask.query.items():
        if word in NOT_FILTERS or (word == "visibility" and wanted == "all"):
            continue
        if word == "tag":
            if wanted not in view["tags"]:
                return False
        elif word in ("os_hidden", "protected"):
            if view[word] != (wanted.lower() == "true"):
                return False
        elif word in ("size_min", "size_max"):
            size, bound = view["size"] or 0, int(wanted) if wanted.isdecimal() else 0
            if (size < bound) if word == "size_min" else (size > bound):
                return False
        elif str(view.get(word)) not in wanted.removeprefix("in:").split(","):
            return False
    return True


def _text(word: str, view: Payload) -> str:
    return str(view[word])


def _sorted(ask: Ask, views: list[Payload]) -> list[Payload]:
    order = ask.query.get("sort") or ":".join(
        (ask.query.get("sort_key", "created_at"), ask.query.get("sort_dir", "desc"))
    )
    for key in reversed(order.split(",")):
        word, _, direction = key.partition(":")
        if any(word not in view for view in views):
            raise Failure(400, f"Invalid sort key: {word}")
        views.sort(key=partial(_text, word), reverse=direction != "asc")
    return views


def _id(view: Payload) -> str:
    return str(view["id"])


@glance.route("GET /images")
def list_images(ask: Ask) -> Response:
    """A page of images, and where the next one is: a path from the root of Glance's own host."""
    views = [image_view(ask, picture) for picture in visible_images(ask)]
    found = _sorted(ask, [view for view in views if _matches(ask, view)])
    shown = page(found, _id, ask, default=PAGE, most=MOST)
    query = ask.request.url.query_string
    body = {
        "images": shown,
        "first": "/v2/images" + f"?{query}" * bool(query),
        "schema": "/v2/schemas/images",
    }
    if next_link(ask, shown, _id, default=PAGE, most=MOST):
        after = ask.request.url.update_query({"marker": _id(shown[-1])})
        body["next"] = f"/v2/images?{after.raw_query_string}"
    return reply(200, body)


def _picture(ask: Ask) -> Picture:
    for picture in visible_images(ask):
        if picture.id == ask.params["id"]:
            return picture
    raise Failure(404, f"No image found with ID {ask.params['id']}")


@glance.route("GET /images/{id}")
def show_image(ask: Ask) -> Response:
    """One image."""
    return reply(200, image_view(ask, _picture(ask)))


@glance.route("DELETE /images/{id}")
def delete_image(ask: Ask) -> Response:
    """An end to an image of one's own."""
    picture = _picture(ask)
    if picture.protected:
        raise Failure(403, f"Image {picture.id} is protected and cannot be deleted.")
    if picture.owner != ask.project:
        raise Failure(403, "You are not permitted to delete this image.")
    del ask.region.images[picture.id]
    return reply(204)
