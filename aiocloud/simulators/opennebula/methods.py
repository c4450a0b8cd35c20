"""The methods of the API, by name. Each takes the world and the parameters after the session string."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias, get_type_hints

from aiocloud.simulators.opennebula.templates import Template, element, parse
from aiocloud.simulators.opennebula.world import (
    DONE,
    EPILOG,
    GROUP,
    GROUP_ID,
    HOLD,
    NAMES,
    PENDING,
    POWEROFF,
    RESTORING,
    RUNNING,
    SAVING,
    SHUTTING_DOWN,
    STARTING,
    SUSPENDED,
    UNDEPLOYED,
    USER_ID,
    VM,
    Refusal,
    World,
    document,
    no_such,
)

Method: TypeAlias = Callable[..., Any]
VERSION = "7.4.0"


def _pool(name: str, items: Mapping[int, Callable[[], str]], who: int, start: int, end: int) -> str:
    """What a pool shows: the items of a range of ids, or a page if the end is below -1."""
    if who < -4:
        raise Refusal(0x1000, "Incorrect filter_flag, must be >= -4.")
    ids = sorted(items)
    page = ids[start : start - end] if end < -1 else [n for n in ids if n >= start and (end == -1 or n <= end)]
    inner = "".join(items[number]() for number in page)
    return f"<{name}>{inner}</{name}>" if inner else f"<{name}/>"


def _owned(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"ID": number, "UID": 0, "GID": 0, "UNAME": "oneadmin", "GNAME": "oneadmin", "NAME": name, **more}


# ---- virtual machines ----


def vm_pool(world: World, who: int, start: int, end: int, state: int, search: str = "") -> str:
    """One page of VMs, or a range; state -1 are all that are not done, -2 all."""

    def wanted(vm: VM) -> bool:
        main = vm.seen()[0]
        return state == -2 or (main != DONE[0] if state == -1 else main == state)

    chosen = {number: partial(document, world, vm) for number, vm in world.vms.items() if wanted(vm)}
    return _pool("VM_POOL", chosen, who, start, end)


def vm_info(world: World, number: int, decrypt: bool = False) -> str:
    """One VM, done or not."""
    return document(world, world.vm(number))


def vm_action(world: World, action: str, number: int) -> int:
    """Begin what the action says. The action comes before the id."""
    vm = world.vm(number)
    if action not in ACTIONS:
        raise Refusal(0x0800, f'Error performing action "{action}": action not supported', number)
    states, perform = ACTIONS[action]
    if vm.seen() not in states:
        raise Refusal(0x0800, f"This action is not available for state {NAMES[vm.seen()]}", number)
    perform(world, vm)
    return number


def _terminate(world: World, vm: VM) -> None:
    vm.ended = world.in_(0.2)
    if vm.seen() in (PENDING, HOLD):
        vm.go(DONE)
    else:
        vm.go(EPILOG, (world.in_(0.2), DONE))


def _resume(world: World, vm: VM) -> None:
    if vm.seen() == UNDEPLOYED:
        world.schedule(vm)
    else:
        vm.go(RESTORING if vm.seen() == SUSPENDED else STARTING, (world.in_(0.2), RUNNING))


def _through(passing: tuple[int, int], end: tuple[int, int]) -> Callable[[World, VM], None]:
    return lambda world, vm: vm.go(passing, (world.in_(0.2), end))


def _nothing(world: World, vm: VM) -> None:
    """A reboot is not to be seen."""


RESTING = (SUSPENDED, POWEROFF, UNDEPLOYED)
ENDING = (frozenset({PENDING, HOLD, RUNNING, *RESTING}), _terminate)
ACTIONS: Mapping[str, tuple[frozenset[tuple[int, int]], Callable[[World, VM], None]]] = {
    "terminate": ENDING,
    "terminate-hard": ENDING,
    "reboot": (frozenset({RUNNING}), _nothing),
    "reboot-hard": (frozenset({RUNNING}), _nothing),
    "poweroff": (frozenset({RUNNING}), _through(SHUTTING_DOWN, POWEROFF)),
    "poweroff-hard": (frozenset({RUNNING}), _through(SHUTTING_DOWN, POWEROFF)),
    "suspend": (frozenset({RUNNING}), _through(SAVING, SUSPENDED)),
    "undeploy": (frozenset({RUNNING, POWEROFF}), _through(SHUTTING_DOWN, UNDEPLOYED)),
    "resume": (frozenset(RESTING), _resume),
    "hold": (frozenset({PENDING}), lambda world, vm: vm.go(HOLD)),
    "release": (frozenset({HOLD}), lambda world, vm: world.schedule(vm)),
}


def vm_rename(world: World, number: int, name: str) -> int:
    """Another name."""
    world.vm(number).name = name
    return number


def vm_update(world: World, number: int, text: str, how: int = 0) -> int:
    """Replace what the user keeps with it (0), or merge (1)."""
    vm = world.vm(number)
    vm.user_template = {**(vm.user_template if how else {}), **_parsed(text)}
    return number


def vm_resize(world: World, number: int, text: str, enforce: bool) -> int:
    """Other CPUs and memory, for one that is off."""
    vm = world.vm(number)
    if vm.seen() not in (POWEROFF, UNDEPLOYED):
        raise Refusal(0x0800, f"Resize is not available for state {NAMES[vm.seen()]}", number)
    vm.template.update({key: value for key, value in _parsed(text).items() if key in ("CPU", "VCPU", "MEMORY")})
    return number


def vm_recover(world: World, number: int, operation: int) -> int:
    """Only deletion (3) does anything here: nothing is ever stuck."""
    vm = world.vm(number)
    if operation != 3:
        raise Refusal(0x0800, f"Recover is not available for state {NAMES[vm.seen()]}", number)
    vm.ended = world.now()
    vm.go(DONE)
    return number


# ---- templates ----


def _parsed(text: str) -> Template:
    try:
        return parse(text)
    except ValueError as error:
        raise Refusal(0x2000, f"Parse error: {error}") from error


def _template(world: World, number: int) -> str:
    if number not in world.templates:
        raise no_such("template", number)
    name, template = world.templates[number]
    return element("VMTEMPLATE", _owned(number, name, REGTIME=1770000000, TEMPLATE=template))


def template_info(world: World, number: int, extended: bool = False) -> str:
    """One VM template."""
    return _template(world, number)


def template_pool(world: World, who: int, start: int, end: int) -> str:
    """VM templates."""
    return _pool(
        "VMTEMPLATE_POOL", {each: partial(_template, world, each) for each in world.templates}, who, start, end
    )


def instantiate(
    world: World, number: int, name: str, hold: bool = False, text: str = "", persistent: bool = False
) -> int:
    """A VM; what is given replaces the template's attributes of the same names."""
    if number not in world.templates:
        raise no_such("template", number)
    vm = world.make(name, number, {**world.templates[number][1], **_parsed(text)})
    if hold:
        vm.go(HOLD)
    else:
        world.schedule(vm)
    return vm.id


# ---- the rest ----


def _cluster(world: World, number: int) -> str:
    hosts = [host for host, (_, cluster) in world.hosts.items() if cluster == number]
    return element("CLUSTER", {"ID": number, "NAME": world.clusters[number], "HOSTS": {"ID": hosts}, "TEMPLATE": ""})


def cluster_info(world: World, number: int, decrypt: bool = False) -> str:
    """One cluster."""
    if number not in world.clusters:
        raise no_such("cluster", number)
    return _cluster(world, number)


def cluster_pool(world: World) -> str:
    """All clusters: this list has no pages."""
    return f"<CLUSTER_POOL>{''.join(_cluster(world, each) for each in world.clusters)}</CLUSTER_POOL>"


def host_pool(world: World) -> str:
    """All hosts."""
    hosts = [
        {"ID": number, "NAME": name, "STATE": 2, "CLUSTER_ID": cluster, "CLUSTER": world.clusters[cluster]}
        for number, (name, cluster) in world.hosts.items()
    ]
    return element("HOST_POOL", {"HOST": hosts})


def image_pool(world: World, who: int, start: int, end: int) -> str:
    """Disk images."""
    items = {
        number: partial(element, "IMAGE", _owned(number, name, TYPE=0, SIZE=10240, STATE=1, RUNNING_VMS=0))
        for number, name in world.images.items()
    }
    return _pool("IMAGE_POOL", items, who, start, end)


def network_pool(world: World, who: int, start: int, end: int) -> str:
    """Virtual networks."""
    items = {number: partial(element, "VNET", _owned(number, name)) for number, name in world.networks.items()}
    return _pool("VNET_POOL", items, who, start, end)


def user_info(world: World, number: int, decrypt: bool = False) -> str:
    """The user who asks (-1); others are not to be seen."""
    if number not in (-1, USER_ID):
        raise Refusal(0x0200, f"User [{USER_ID}] : Not authorized to perform INFO USER [{number}].", number)
    fields = {"ID": USER_ID, "GID": GROUP_ID, "GNAME": GROUP, "NAME": world.username, "ENABLED": 1, "TEMPLATE": ""}
    return element("USER", fields)


def version(world: World) -> str:
    """The version of the server."""
    return VERSION


METHODS: Mapping[str, Method] = {
    "one.cluster.info": cluster_info,
    "one.clusterpool.info": cluster_pool,
    "one.hostpool.info": host_pool,
    "one.imagepool.info": image_pool,
    "one.system.version": version,
    "one.template.info": template_info,
    "one.template.instantiate": instantiate,
    "one.templatepool.info": template_pool,
    "one.user.info": user_info,
    "one.vm.action": vm_action,
    "one.vm.info": vm_info,
    "one.vm.recover": vm_recover,
    "one.vm.rename": vm_rename,
    "one.vm.resize": vm_resize,
    "one.vm.update": vm_update,
    "one.vmpool.info": vm_pool,
    "one.vmpool.infoextended": vm_pool,
    "one.vnpool.info": network_pool,
}


def call(world: World, name: str, parameters: Sequence[Any]) -> Any:
    """What a method answers. Raises TypeError for parameters of another number, or of other types, than it takes."""
    method = METHODS[name]
    inspect.signature(method).bind(world, *parameters)
    kinds = [kind for parameter, kind in get_type_hints(method).items() if parameter not in ("world", "return")]
    if any(type(value) is not kind for value, kind in zip(parameters, kinds, strict=False)):
        raise TypeError("Value of type other than expected")
    return method(world, *parameters)
