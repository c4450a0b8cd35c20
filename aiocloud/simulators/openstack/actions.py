"""Compute: what can be done to a server, each a word in the body of one POST."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias
from uuid import uuid4

from aiocloud.http.message import Response
from aiocloud.simulators.base import Phases
from aiocloud.simulators.openstack.nova import nova
from aiocloud.simulators.openstack.servers import QUICK, find, server_view, state_of
from aiocloud.simulators.openstack.states import CHANGES, SNAPSHOTS, Change, refusal
from aiocloud.simulators.openstack.wire import Ask, Failure, Payload, reply
from aiocloud.simulators.openstack.world import Picture, Server
from aiocloud.values import Secret

Action: TypeAlias = Callable[[Ask, Server, Any], Response]


@nova.route("POST /servers/{id}/action")
def act(ask: Ask) -> Response:
    """Do what the body's one key says."""
    server = find(ask)
    if len(ask.body) != 1:
        raise Failure(400, "There is no such action: the body must name exactly one.")
    [(word, argument)] = ask.body.items()
    if word in ACTIONS:
        return ACTIONS[word](ask, server, argument)
    if word in CHANGES:
        return _change(ask, server, CHANGES[word])
    raise Failure(400, f"There is no such action: {word}.")


def _change(ask: Ask, server: Server, change: Change) -> Response:
    reason = refusal(server, state_of(ask, server), change)
    if reason:
        raise Failure(409, reason)
    server.state.begin(change.during, then=change.then, at=ask.cloud.after(ask.cloud.boot / QUICK))
    server.updated = ask.now
    return reply(change.status)


def _fields(argument: Any, word: str) -> Payload:
    if not isinstance(argument, dict):
        raise Failure(400, f"Invalid input for field/attribute {word}. Value: {argument}.")
    return argument


def _reboot(ask: Ask, server: Server, argument: Any) -> Response:
    kind = str(_fields(argument, "reboot").get("type")).upper()
    if kind not in ("SOFT", "HARD"):
        raise Failure(400, f"Invalid input for field/attribute type. Value: {kind}.")
    return _change(ask, server, CHANGES[f"reboot {kind}"])


def _resize(ask: Ask, server: Server, argument: Any) -> Response:
    flavor = ask.region.flavors.get(str(_fields(argument, "resize").get("flavorRef")))
    if flavor is None:
        raise Failure(400, "Unable to locate requested flavor.")
    if flavor == server.flavor:
        raise Failure(400, "When resizing, instances must change flavor!")
    answer = _change(ask, server, CHANGES["resize"])
    server.previous_flavor, server.flavor = server.flavor, flavor
    return answer


def _revert_resize(ask: Ask, server: Server, argument: Any) -> Response:
    answer = _change(ask, server, CHANGES["revertResize"])
    server.flavor = server.previous_flavor or server.flavor
    return answer


def _rebuild(ask: Ask, server: Server, argument: Any) -> Response:
    asked = _fields(argument, "rebuild")
    image = ask.region.images.get(str(asked.get("imageRef")))
    if image is None:
        raise Failure(400, "Cannot find image for rebuild")
    _change(ask, server, CHANGES["rebuild"])
    server.image, server.name = image.id, str(asked.get("name", server.name))
    password = str(asked.get("adminPass") or secrets.token_urlsafe(9))
    server.password, server.installed = Secret(password), server.installed + 1
    server.user_data = asked.get("user_data", server.user_data)
    return reply(202, {"server": {**server_view(ask, server), "adminPass": password}})


def _rescue(ask: Ask, server: Server, argument: Any) -> Response:
    _change(ask, server, CHANGES["rescue"])
    asked = argument if isinstance(argument, dict) else {}
    return reply(200, {"adminPass": str(asked.get("adminPass") or secrets.token_urlsafe(9))})


def _change_password(ask: Ask, server: Server, argument: Any) -> Response:
    password = _fields(argument, "changePassword").get("adminPass")
    if not isinstance(password, str):
        raise Failure(400, "Invalid input for field/attribute changePassword. 'adminPass' is required")
    answer = _change(ask, server, CHANGES["changePassword"])
    server.password = Secret(password)
    return answer


def _lock(ask: Ask, server: Server, argument: Any) -> Response:
    server.locked = True
    return reply(202)


def _unlock(ask: Ask, server: Server, argument: Any) -> Response:
    server.locked = False
    return reply(202)


def _create_image(ask: Ask, server: Server, argument: Any) -> Response:
    asked, state = _fields(argument, "createImage"), state_of(ask, server)
    during, then = SNAPSHOTS.get(state.vm_state, ""), server.state.current
    reason = refusal(server, state, Change("createImage", tuple(SNAPSHOTS), during, then))
    if reason:
        raise Failure(409, reason)
    done = ask.cloud.after(ask.cloud.boot / QUICK)
    picture = _snapshot(ask, server, asked)
    server.state.begin(during, then=then, at=done)
    picture.state.begin("saving", then="active", at=done)
    ask.region.images[picture.id] = picture
    if ask.version >= (2, 45):
        return reply(202, {"image_id": picture.id})
    return reply(202, Location=f"{ask.root}/images/{picture.id}")


def _snapshot(ask: Ask, server: Server, asked: Payload) -> Picture:
    source = ask.region.images.get(server.image or "")
    blank = Picture(id="", name="", created=ask.now)
    own = {key: str(value) for key, value in _fields(asked.get("metadata") or {}, "metadata").items()}
    return replace(
        source or blank,
        id=str(uuid4()),
        name=str(asked.get("name", "")),
        created=ask.now,
        min_disk=server.flavor.disk,
        visibility="private",
        owner=server.project,
        protected=False,
        properties={**(source or blank).properties, "image_type": "snapshot", "instance_uuid": server.id, **own},
        state=Phases("saving"),
    )


def _console(ask: Ask, server: Server, argument: Any) -> Response:
    if server.state.seen(ask.now) == "building" or server.fault:
        raise Failure(409, f"Instance {server.id} is not ready")
    lines = ["Linux version 6.12.0", f"Starting {server.name}", *ask.cloud.booted(server), f"{server.name} login: "]
    length = argument.get("length") if isinstance(argument, dict) else None
    if length is not None and not str(length).isdecimal():
        raise Failure(400, f"Invalid input for field/attribute length. Value: {length}.")
    kept = lines if length is None else lines[len(lines) - min(int(length), len(lines)) :]
    return reply(200, {"output": "\n".join(kept)})


def _group_name(ask: Ask, argument: Any, word: str) -> str:
    name = _fields(argument, word).get("name")
    for group in ask.region.groups.values():
        if group.project == ask.project and name in (group.name, group.id):
            return group.name
    raise Failure(404, f"Security group {name} not found for project {ask.project}.")


def _add_group(ask: Ask, server: Server, argument: Any) -> Response:
    name = _group_name(ask, argument, "addSecurityGroup")
    if name not in server.groups:
        server.groups.append(name)
    return reply(202)


def _remove_group(ask: Ask, server: Server, argument: Any) -> Response:
    name = _group_name(ask, argument, "removeSecurityGroup")
    if name not in server.groups:
        raise Failure(404, f"Security group {name} not associated with the instance {server.id}")
    server.groups.remove(name)
    return reply(202)


# What needs more than a change of state; the others are in CHANGES.
ACTIONS: dict[str, Action] = {
    "reboot": _reboot,
    "resize": _resize,
    "revertResize": _revert_resize,
    "rebuild": _rebuild,
    "rescue": _rescue,
    "changePassword": _change_password,
    "lock": _lock,
    "unlock": _unlock,
    "createImage": _create_image,
    "os-getConsoleOutput": _console,
    "addSecurityGroup": _add_group,
    "removeSecurityGroup": _remove_group,
}
