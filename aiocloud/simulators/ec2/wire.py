"""The EC2 query protocol as a server reads and writes it: parameters in, XML out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias
from xml.sax.saxutils import escape

Tree: TypeAlias = dict[str, Any]
Body: TypeAlias = Mapping[str, Any]


class Refusal(Exception):  # noqa: N818 - an answer, and no failure of ours
    """The provider's no, as EC2 words it: `code`, `message`, and the HTTP `status`."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.status = status


def missing(name: str) -> Refusal:
    """A parameter that the action cannot do without."""
    return Refusal("MissingParameter", f"The request must contain the parameter {name}")


def bad_value(name: str, value: str, why: str = "") -> Refusal:
    """A value that the parameter cannot have."""
    return Refusal("InvalidParameterValue", f"Invalid value '{value}' for {name}." + f" {why}" * bool(why))


class Params:
    """The parameters of one request, each of which is taken once.

    What nobody has taken when the work begins is a parameter that EC2 does not know.
    """

    __slots__ = ("_path", "_tree")

    def __init__(self, tree: Tree, path: str = "") -> None:
        self._tree = tree
        self._path = path

    @classmethod
    def of(cls, pairs: Mapping[str, str]) -> Params:
        """The tree that dotted names spell: `Filter.1.Name` is a leaf two levels down."""
        tree: Tree = {}
        for name, value in pairs.items():
            *parents, leaf = name.split(".")
            branch = tree
            for parent in parents:
                branch = branch.setdefault(parent, {})
                if not isinstance(branch, dict):
                    raise Refusal("UnknownParameter", f"The parameter {name} is not recognized")
            branch[leaf] = value
        return cls(tree)

    def text(self, name: str) -> str | None:
        """The value of a parameter, or None when it was not sent."""
        value = self._tree.get(name)
        if not isinstance(value, str):
            return None
        del self._tree[name]
        return value

    def required(self, name: str) -> str:
        """The value of a parameter that has to be there."""
        value = self.text(name)
        if not value:
            raise missing(self._path + name)
        return value

    def integer(self, name: str) -> int | None:
        """The value of a numeric parameter."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return int(value)
        except ValueError:
            raise bad_value(self._path + name, value, "It must be an integer") from None

    def flag(self, name: str) -> bool:
        """Whether a Boolean parameter was sent as true."""
        value = (self.text(name) or "false").lower()
        if value not in {"true", "false"}:
            raise bad_value(self._path + name, value, "It must be true or false")
        return value == "true"

    def values(self, name: str) -> list[str]:
        """The values of a list (`Name.1`, `Name.2`), in the order of their numbers."""
        branch = self._branch(name)
        texts = [branch.pop(key) for key in _ordered(branch) if isinstance(branch[key], str)]
        if not branch:
            self._tree.pop(name, None)
        return texts

    def within(self, name: str) -> Params:
        """The members of a structure; empty when it was not sent."""
        return Params(self._branch(name), f"{self._path}{name}.")

    def each(self, name: str) -> list[Params]:
        """The structures of a list (`Name.1.Member`), in the order of their numbers."""
        branch = self._branch(name)
        structures = [key for key in _ordered(branch) if isinstance(branch[key], dict)]
        return [Params(branch[key], f"{self._path}{name}.{key}.") for key in structures]

    def accept(self, *names: str) -> None:
        """Take parameters that change nothing in this world."""
        for name in names:
            self._tree.pop(name, None)

    def __bool__(self) -> bool:
        return next(_leaves(self._tree, ""), None) is not None

    def finish(self) -> None:
        """Refuse what nobody has taken."""
        for name in _leaves(self._tree, self._path):
            raise Refusal("UnknownParameter", f"The parameter {name} is not recognized")

    def _branch(self, name: str) -> Tree:
        branch = self._tree.get(name)
        return branch if isinstance(branch, dict) else {}


def _ordered(branch: Tree) -> list[str]:
    return sorted((key for key in branch if key.isdecimal()), key=int)


def _leaves(tree: Tree, path: str) -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield path + name


class Xml(str):
    """Text that is XML already."""

    __slots__ = ()


def render(body: Body) -> Xml:
    """The members of a body as elements: a list becomes items, None no element at all.

    >>> render({"state": "on", "n": 2, "ok": True, "gone": None, "tagSet": [{"key": "a&b"}], "none": []})
    '<state>on</state><n>2</n><ok>true</ok><tagSet><item><key>a&amp;b</key></item></tagSet><none/>'
    """
    return Xml("".join([_element(name, value) for name, value in body.items() if value is not None]))


def _element(name: str, value: Any) -> str:
    inside = _content(value)
    return f"<{name}>{inside}</{name}>" if inside else f"<{name}/>"


def _content(value: Any) -> str:
    match value:
        case Xml():
            return value
        case str():
            return escape(value)
        case bool():
            return "true" if value else "false"
        case Mapping():
            return render(value)
        case Sequence():
            return "".join([_element("item", entry) for entry in value])
        case datetime():
            return timestamp(value)
        case _:
            return str(value)


def timestamp(moment: datetime) -> str:
    """A moment as EC2 writes it, with milliseconds.

    >>> timestamp(datetime(2026, 3, 2, 9, 58, 41, tzinfo=UTC))
    '2026-03-02T09:58:41.000Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def success(action: str, version: str, request_id: str, body: Body) -> bytes:
    """The document of a call that worked, in the namespace of the version asked for."""
    root = f"{action}Response"
    namespace = f"http://ec2.amazonaws.com/doc/{version}/"
    inside = f"<requestId>{request_id}</requestId>{render(body)}"
    return f'{DECLARATION}<{root} xmlns="{namespace}">{inside}</{root}>'.encode()


def failure(refusal: Refusal, request_id: str) -> bytes:
    """The document of a call that did not: no namespace, and `RequestID` in other letters."""
    error = {"Error": {"Code": refusal.code, "Message": refusal.message}}
    inside = render({"Errors": error, "RequestID": request_id})
    return f"{DECLARATION}<Response>{inside}</Response>".encode()
