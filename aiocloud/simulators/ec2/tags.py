"""Tags: on everything that has an id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aiocloud.simulators.ec2.select import Ids, Window, filters, passing
from aiocloud.simulators.ec2.wire import Body, Params, Refusal, missing
from aiocloud.simulators.ec2.world import Call, Region

MOST = 50
"""The tags that one resource may have."""

KINDS = {
    "i": ("instance", Ids("i-", "InvalidInstanceID", "The instance ID")),
    "ami": ("image", Ids("ami-", "InvalidAMIID", "The image ID")),
    "key": ("key-pair", Ids("key-", "InvalidKeyPair", "The key pair ID")),
    "sg": ("security-group", Ids("sg-", "InvalidGroup", "The security group ID")),
    "subnet": ("subnet", Ids("subnet-", "InvalidSubnetID", "The subnet ID")),
    "vpc": ("vpc", Ids("vpc-", "InvalidVpcID", "The vpc ID")),
}
"""The type of a resource by the prefix of its id, and what is said when it is not there."""

READERS: Mapping[str, Any] = {
    "key": lambda tag: [tag["key"]],
    "value": lambda tag: [tag["value"]],
    "resource-id": lambda tag: [tag["resourceId"]],
    "resource-type": lambda tag: [tag["resourceType"]],
    "tag:": lambda tag: [(tag["key"], tag["value"])],
}


def tag_set(tags: Mapping[str, str]) -> list[Body]:
    """Tags as every resource shows them."""
    return [{"key": key, "value": value} for key, value in tags.items()]


def specified(params: Params, kind: str, others: tuple[str, ...] = ()) -> dict[str, str]:
    """The tags that a creating action gives its resource; those for resources of `others` go nowhere."""
    found: dict[str, str] = {}
    for entry in params.each("TagSpecification"):
        resource = entry.required("ResourceType")
        tags = _read(entry)
        if resource == kind:
            found.update(tags)
        elif resource not in others:
            what = f"'{resource}' is not a valid taggable resource type for this operation."
            raise Refusal("InvalidParameterValue", what)
    return _checked(found)


def create_tags(call: Call) -> Body:
    """CreateTags: the new values replace the old."""
    added = _read(call.params)
    if not added:
        raise missing("Tag")
    touched = _resources(call)
    for tags in touched.values():
        _checked({**tags, **added})
    call.proceed()
    for name, tags in touched.items():
        tags.update(added)
        _changed(call.region, name)
    return {"return": True}


def delete_tags(call: Call) -> Body:
    """DeleteTags: with a value, only if it is that one; without any tag, all of them."""
    doomed = [(entry.required("Key"), entry.text("Value")) for entry in call.params.each("Tag")]
    touched = _resources(call)
    call.proceed()
    for name, tags in touched.items():
        for key, value in doomed or [(key, None) for key in tags]:
            if value is None or tags.get(key) == value:
                tags.pop(key, None)
        _changed(call.region, name)
    return {"return": True}


def describe_tags(call: Call) -> Body:
    """DescribeTags, in pages."""
    window = Window.of(call.action, call.params)
    tests = filters(call.params, READERS)
    call.proceed()
    page, token = window.cut(passing(_all(call.region), tests))
    return {"tagSet": page, "nextToken": token}


def _all(region: Region) -> Iterator[Body]:
    for thing in region.everything():
        kind = KINDS[thing.id.partition("-")[0]][0]
        for key, value in thing.tags.items():
            yield {"resourceId": thing.id, "resourceType": kind, "key": key, "value": value}


def _resources(call: Call) -> dict[str, dict[str, str]]:
    names = call.params.values("ResourceId")
    if not names:
        raise missing("resourceIdSet")
    return {name: _tags_of(call.region, name) for name in names}


def _tags_of(region: Region, name: str) -> dict[str, str]:
    thing = region.find(name)
    if thing is not None:
        return thing.tags
    kind = KINDS.get(name.partition("-")[0])
    raise kind[1].unknown(name) if kind else Refusal("InvalidID", f"The ID '{name}' is not valid")


def _changed(region: Region, name: str) -> None:
    if name in region.instances:
        region.instances[name].rendered = None


def _read(params: Params) -> dict[str, str]:
    return {entry.required("Key"): entry.text("Value") or "" for entry in params.each("Tag")}


def _checked(tags: dict[str, str]) -> dict[str, str]:
    for key, value in tags.items():
        if key.startswith("aws:"):
            raise Refusal("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
        if len(key) > 128 or len(value) > 256:
            raise Refusal("InvalidParameterValue", f"Tag {key!r} exceeds the maximum length")
    if len(tags) > MOST:
        raise Refusal("TagLimitExceeded", f"The maximum number of Tags for a resource is {MOST}")
    return tags
