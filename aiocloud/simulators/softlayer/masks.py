"""Object masks: which properties of an object an answer shows.

Read from either notation, a mask is a tree of names. Where a level names no local property, it shows them
all beside the relations named; where it names one, it shows the named alone.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Protocol, TypeAlias

from aiocloud.simulators.softlayer.kinds import Kind
from aiocloud.simulators.softlayer.wire import ApiFault, Struct

Mask: TypeAlias = "dict[str, Mask]"

TOKEN = re.compile(r"\s*([A-Za-z_]\w*|[\[\],.()])")
DEEPEST = 20
LONGEST = 20_000


class Gettable(Protocol):
    """Anything that tells a property by name: a dict, or an object of the world."""

    def get(self, name: str, /) -> Any:
        """The property's value, None when it has none."""


def read_mask(given: Any, root: str | None = None) -> Mask:
    """A mask from a string (`mask[id,datacenter.name]`) or from the older nested structure.

    `root` is the relation that a service's list is of: the older notation starts above it.

    >>> read_mask("mask[id, datacenter[name]]")
    {'id': {}, 'datacenter': {'name': {}}}
    """
    if not given:
        return {}
    if isinstance(given, dict):
        tree = _from_struct(given, 0)
        return tree.get(root, {}) if root in tree else tree
    if not isinstance(given, str) or len(given) > LONGEST:
        raise _fault("The object mask is no mask, or too long.")
    return _from_string(given)


def check_mask(mask: Mask, kind: Kind) -> None:
    """Raise the API's fault for a property that the kind does not have."""
    for name, below in mask.items():
        relation = kind.relations.get(name)
        if name not in kind.local and name not in kind.relations:
            raise _fault(f"Property '{name}' not valid for '{kind.name}'.")
        if relation is not None:
            check_mask(below, relation)


def project(item: Gettable, kind: Kind, mask: Mask) -> Struct:
    """What the mask shows of an object."""
    shown: Struct = {}
    for name in [name for name in mask if name in kind.local] or kind.local:
        value = item.get(name)
        if value is not None or name not in kind.optional:
            shown[name] = value
    for name, below in mask.items():
        if name not in kind.relations:
            continue
        value = item.get(name)
        if value is not None:
            shown[name] = _related(value, kind.relations[name], below)
    return shown


def pick(value: Any, mask: Mask) -> Any:
    """What the mask shows of a container, which has no kind."""
    if isinstance(value, list):
        return [pick(part, mask) for part in value]
    if not mask or not isinstance(value, dict):
        return value
    return {name: pick(value[name], below) for name, below in mask.items() if name in value}


def _related(value: Any, kind: Kind | None, mask: Mask) -> Any:
    if kind is None:
        return value
    if isinstance(value, list):
        return [project(part, kind, mask) for part in value]
    return project(value, kind, mask)


def _from_struct(given: Struct, depth: int) -> Mask:
    if depth > DEEPEST:
        raise _fault("The object mask is nested too deeply.")
    return {name: _from_struct(below, depth + 1) if isinstance(below, dict) else {} for name, below in given.items()}


@lru_cache(maxsize=256)
def _from_string(text: str) -> Mask:
    tokens = _tokens(text)
    if tokens[:1] in (["mask"], ["filteredMask"]):
        del tokens[0]
        if tokens[:1] == ["("]:  # mask(SoftLayer_Type)[…]: the type is the caller's reminder
            del tokens[: tokens.index(")") + 1 if ")" in tokens else None]
        if tokens[:1] == ["."]:
            del tokens[0]
    if tokens[:1] == ["["]:
        tokens = [*tokens[1:-1]] if tokens[-1] == "]" else tokens
    tokens.reverse()
    mask = _properties(tokens, 0)
    if tokens:
        raise _unexpected(tokens[-1])
    return mask


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    text = text.rstrip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise _unexpected(text[position])
        tokens.append(match.group(1))
        position = match.end()
    return tokens


def _properties(tokens: list[str], depth: int) -> Mask:
    if depth > DEEPEST:
        raise _fault("The object mask is nested too deeply.")
    mask: Mask = {}
    while tokens and tokens[-1] != "]":
        name = tokens.pop()
        if not name[0].isalpha():
            raise _unexpected(name)
        mask[name] = _below(tokens, depth + 1)
        if tokens and tokens[-1] == ",":
            tokens.pop()
        elif tokens and tokens[-1] != "]":
            raise _unexpected(tokens[-1])
    return mask


def _below(tokens: list[str], depth: int) -> Mask:
    if not tokens or tokens[-1] not in ".[":
        return {}
    if tokens.pop() == "[":
        below = _properties(tokens, depth)
        if not tokens:
            raise _fault("Error in object mask: expected ']'.")
        tokens.pop()
        return below
    if not tokens or depth > DEEPEST:
        raise _fault("Error in object mask: expected PROPERTY.")
    name = tokens.pop()
    return {name: _below(tokens, depth + 1)}


def _unexpected(token: str) -> ApiFault:
    return ApiFault("SoftLayer_Exception_Common_Parser", f"Error in object mask: unexpected '{token}'.")


def _fault(text: str) -> ApiFault:
    return ApiFault("SoftLayer_Exception_WebService_ObjectMask", text)
