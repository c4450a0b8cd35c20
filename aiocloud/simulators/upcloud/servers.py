"""The machines: listed, created, changed, switched, removed; and the rules of their firewalls."""

from __future__ import annotations

from aiocloud.simulators.upcloud.catalogue import PLANS
from aiocloud.simulators.upcloud.wire import Call, Found, RejectedError, invalid
from aiocloud.simulators.upcloud.world import World, labels_of, mac_of

CHANGES = frozenset(
    [
        "boot_order",
        "core_number",
        "firewall",
        "hostname",
        "labels",
        "memory_amount",
        "metadata",
        "nic_model",
        "plan",
        "simple_backup",
        "timezone",
        "title",
        "video_model",
        "vnc",
        "vnc_password",
    ]
)


def index(world: World, call: Call) -> Found:
    """All servers, or those with a label."""
    wanted = [label.partition("=") for label in call.query.getall("label", [])]
    found = [
        world.brief(each)
        for each in world.servers.values()
        if all(key in each.labels and (not equals or each.labels[key] == value) for key, equals, value in wanted)
    ]
    return 200, {"servers": {"server": found}}


def show(world: World, call: Call) -> Found:
    """One server."""
    return 200, {"server": world.shown(world.server(call.id))}


def create(world: World, call: Call) -> Found:
    """A new server, with the password that was made for it, if any."""
    server, password = world.create(call.body("server"))
    told = {"username": server.username, "password": password} if password else {}
    return 202, {"server": {**world.shown(server), **told}}


def change(world: World, call: Call) -> Found:
    """Other attributes of a server."""
    server, asked = world.in_state(call.id, "started", "stopped"), call.body("server")
    if unknown := sorted(set(asked) - CHANGES):
        raise RejectedError(400, "UNKNOWN_ATTRIBUTE", f"The attribute '{unknown[0]}' is unknown.")
    if (plan := asked.get("plan", server.plan)) != server.plan:
        if plan not in PLANS:
            raise invalid("plan")
        server = world.in_state(call.id, "stopped")
    server.plan = plan
    server.title = asked.get("title", server.title)
    server.hostname = asked.get("hostname", server.hostname)
    server.labels = labels_of(asked["labels"]) if "labels" in asked else server.labels
    server.settings |= {key: asked[key] for key in server.settings if key in asked}
    return 202, {"server": world.shown(server)}


def delete(world: World, call: Call) -> Found:
    """The end of a server that is stopped."""
    server = world.in_state(call.id, "stopped", "error")
    if call.query.get("backups", "keep") not in ("keep", "keep_latest", "delete"):
        raise RejectedError(400, "BACKUP_DELETION_POLICY_INVALID", "The attribute 'backups' has an invalid value.")
    for row in world.floating.values():
        row["mac"] = None if row["mac"] == mac_of(server, 1) else row["mac"]
    del world.servers[call.id]
    return 204, None


def start(world: World, call: Call) -> Found:
    """Start one that is stopped."""
    server = world.in_state(call.id, "stopped")
    server.phases.begin("maintenance", then="started", at=world.after(0.2))
    return 200, {"server": world.shown(server)}


def stop(world: World, call: Call) -> Found:
    """Stop one that runs."""
    server, asked = world.in_state(call.id, "started"), call.body("stop_server")
    if asked.get("stop_type", "soft") not in ("soft", "hard"):
        raise RejectedError(400, "STOP_TYPE_INVALID", "The attribute 'stop_type' has an invalid value.")
    shown = world.shown(server)
    server.phases.begin("maintenance", then="stopped", at=world.after(0.2))
    return 200, {"server": shown}


def restart(world: World, call: Call) -> Found:
    """Restart one that runs."""
    server, asked = world.in_state(call.id, "started"), call.body("restart_server")
    if asked.get("timeout_action", "ignore") not in ("destroy", "ignore"):
        raise RejectedError(400, "TIMEOUT_ACTION_INVALID", "The attribute 'timeout_action' has an invalid value.")
    shown = world.shown(server)
    server.phases.begin("maintenance", then="started", at=world.after(0.2))
    return 200, {"server": shown}


def rules(world: World, call: Call) -> Found:
    """The rules of a server's firewall."""
    rules = world.server(call.id).rules
    rows = [{**rule, "position": str(position)} for position, rule in enumerate(rules, 1)]
    return 200, {"firewall_rules": {"firewall_rule": rows}}


def add_rule(world: World, call: Call) -> Found:
    """Add a rule to a server's firewall."""
    rules, rule = world.server(call.id).rules, call.body("firewall_rule")
    if rule.get("direction") not in ("in", "out"):
        raise RejectedError(400, "DIRECTION_INVALID", "The attribute 'direction' has an invalid value.")
    rules.append(rule)
    return 201, {"firewall_rule": {**rule, "position": str(len(rules))}}


def delete_rule(world: World, call: Call) -> Found:
    """Remove a rule; those after it move up."""
    rules, position = world.server(call.id).rules, call.parts[3]
    if not position.isdecimal() or not 0 < int(position) <= len(rules):
        raise RejectedError(404, "FIREWALL_RULE_NOT_FOUND", "The firewall rule does not exist.")
    del rules[int(position) - 1]
    return 204, None
