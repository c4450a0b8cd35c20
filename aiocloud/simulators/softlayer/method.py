"""What all services are made of: methods in a table, and the means to find the object that a call is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiocloud.simulators.softlayer.kinds import Kind
from aiocloud.simulators.softlayer.wire import ApiFault, Call, Struct


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a service.

    `kind` is the type of what it answers, None for a plain value. `roots` are the names under which a filter
    speaks of its list; none where the filter speaks of the listed objects directly.
    """

    run: Callable[[Call], Any]
    kind: Kind | None = None
    roots: tuple[str, ...] = ()


Service = Mapping[str, Method]


def no_object(call: Call) -> ApiFault:
    """The fault of a call whose object does not exist, or that names none."""
    if call.object_id is None:
        text = f"Object does not exist to execute method on. ({call.service}::{call.method})"
        return ApiFault("SoftLayer_Exception", text)
    return ApiFault("SoftLayer_Exception_ObjectNotFound", f"Unable to find object with id of '{call.object_id}'.")


def look_up(table: Mapping[int, Struct], call: Call) -> Struct:
    """The object that the call is about; raises ApiFault."""
    wanted = call.object_id or ""
    found = table.get(int(wanted)) if wanted.isdecimal() and len(wanted) < 20 else None
    if found is None:
        raise no_object(call)
    return found


def remove(table: dict[int, Struct], call: Call) -> bool:
    """Delete the object that the call is about; raises ApiFault."""
    del table[look_up(table, call)["id"]]
    return True


def change(found: Struct, call: Call, names: Iterable[str]) -> bool:
    """Set those of the named texts that the call gives."""
    found |= {name: value for name, value in call.struct().items() if name in names and isinstance(value, str)}
    return True
