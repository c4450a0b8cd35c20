"""The parts of the documentation that are made from the code. `python -m tests.generated_docs` writes them anew.

A page marks them: `<!-- made: NAME -->`, what was made, `<!-- end -->`. A test tells when they are out of date.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aiocloud.cli.arguments import parser
from aiocloud.driver import Compute, Driver, KeyPairs, PowerControl
from aiocloud.pricing import catalogue
from aiocloud.providers import Provider, get_driver

DOCS = Path(__file__).parent.parent / "docs"
BLOCK = re.compile(r"<!-- made: (?P<name>[\w ]+) -->\n(?P<body>.*?)<!-- end -->", re.DOTALL)
CAPABILITIES = {"nodes": Compute, "stop, start": PowerControl, "key pairs": KeyPairs}
FEATURES = {
    "ssh_key": "key at create",
    "password": "password at create",
    "generates_password": "makes a password",
    "user_data": "user data",
    "tags": "tags",
    "idempotent_create": "create once",
}


def pages() -> list[Path]:
    return sorted(page for page in DOCS.rglob("*.md") if BLOCK.search(page.read_text()))


def renewed(page: Path) -> str:
    """The text of a page, with what is made in it made anew."""

    def made(block: re.Match[str]) -> str:
        return f"<!-- made: {block['name']} -->\n{make(block['name'], page)}\n<!-- end -->"

    return BLOCK.sub(made, page.read_text())


def make(name: str, page: Path) -> str:
    what, _, which = name.partition(" of ")
    if what == "options":
        return options(which)
    if what == "features":
        return features()
    return PARTS[what](get_driver(which or page.stem))


def table(*rows: list[str]) -> str:
    head, *body = rows
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *body))


# ---- what each provider can do ----


def features() -> str:
    head = ["provider", "id", "status", "API", *CAPABILITIES, *FEATURES.values(), "offers without account"]
    return table(head, *(_row(get_driver(provider)) for provider in sorted(Provider)))


def _row(driver: type[Driver]) -> list[str]:
    known: frozenset[str] = getattr(driver, "features", frozenset())
    return [
        f"[{driver.title}](providers/{driver.provider}.md)",
        f"`{driver.provider}`",
        status(driver),
        driver.protocol,
        *(_mark(issubclass(driver, capability)) for capability in CAPABILITIES.values()),
        *(_mark(feature in known) for feature in FEATURES),
        _mark(driver.public),
    ]


def _mark(yes: bool) -> str:
    return "✓" if yes else ""


def status(driver: type[Driver]) -> str:
    return f"retired {driver.retired.since}" if driver.retired else "living"


# ---- one provider ----


def facts(driver: type[Driver]) -> str:
    known: frozenset[str] = getattr(driver, "features", frozenset())
    limit = getattr(driver, "user_data_limit", None)
    can = [words for word, words in FEATURES.items() if word in known]
    return "\n".join(
        [
            f"- id: `{driver.provider}`; class: `{driver.__name__}`; status: {status(driver)}",
            f"- site: <{driver.website}>",
            f"- API: {driver.protocol}",
            f"- offers without an account: {'yes' if driver.public else 'no'}",
            f"- a new node: {', '.join(can) or 'takes no key, password, user data or tags'}",
            f"- user data: at most {limit:,} bytes before encoding".replace(",", " ") if limit else "- user data: none",
        ]
    )


def constructor(driver: type[Driver]) -> str:
    own = (each for name, each in inspect.signature(driver).parameters.items() if name != "self")
    return f"```text\n{_call(driver.__name__, own)}\n```"


def prices(driver: type[Driver]) -> str:
    """What the catalogue that ships with the package has of this provider."""
    shipped = catalogue.load(driver.provider, folder=catalogue.SHIPPED)
    cells = [shipped.price(size.id, region) for region in shipped.regions for size in shipped.in_region(region)]
    return "\n".join(
        [
            f"- as of: {shipped.as_of}; {shipped.currency} per {shipped.per}",
            f"- source: {shipped.source}",
            f"- {len(shipped.sizes)} sizes in {len(shipped.regions)} regions: {', '.join(shipped.regions)}",
            f"- of {len(cells)} pairs of a size and a region that has it, {cells.count(None)} have no known price",
        ]
    )


def states(driver: type[Driver]) -> str:
    known: Mapping[str, Mapping[str, Any]] = getattr(driver, "states", {})
    rows = [[f"`{field}`", f"`{word}`", str(state)] for field, words in known.items() for word, state in words.items()]
    return table(["field", "the provider's word", "state"], *rows)


def keywords(driver: type[Driver]) -> str:
    """What `create_node` and other portable verbs take beyond the common arguments."""
    lines = []
    for name in sorted(set(dir(Compute)) | set(dir(PowerControl)) | set(dir(KeyPairs)), key=_create_first):
        method = inspect.getattr_static(driver, name, None)
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        own = [each for each in inspect.signature(method).parameters.values() if each.name.startswith("ex_")]
        if own:
            lines += [f"`{name}`:", "", *_explained(method, own), ""]
    return "\n".join(lines).strip() or "None."


def _create_first(name: str) -> tuple[bool, str]:
    return name != "create_node", name


def _explained(method: Callable[..., Any], own: list[inspect.Parameter]) -> Iterator[str]:
    """Each keyword with what the docstring says of it: in a line that begins with its name, or in a paragraph."""
    text = inspect.getdoc(method) or ""
    parameters = {each.name: each for each in own}
    for line in re.findall(r"^ex_.*(?:\n +.*)*", text, re.MULTILINE):
        names, _, meaning = re.sub(r"\s*\n\s+", " ", line).partition("  ")
        shown = re.sub(r"ex_\w+", lambda found: f"`{_argument(parameters.pop(found[0]))}`", names)
        yield f"- {shown}: {_plain(meaning)}"
    for name, each in parameters.items():
        yield f"- `{_argument(each)}`: {_paragraph(text, name, method)}"


def _plain(text: str) -> str:
    return text.strip().replace("*", r"\*")


def _paragraph(text: str, name: str, method: Callable[..., Any]) -> str:
    found = next((each for each in text.split("\n\n") if f"`{name}`" in each), None)
    if found is None:
        raise LookupError(f"the docstring of {method.__qualname__} says nothing of {name}")
    return " ".join(found.split())


def methods(driver: type[Driver]) -> str:
    lines = []
    for name, method in inspect.getmembers(driver, inspect.isfunction):
        if name.startswith("ex_"):
            own = (each for each in inspect.signature(method).parameters.values() if each.name != "self")
            about = (inspect.getdoc(method) or "").partition("\n\n")[0]
            lines.append(f"- `{_call(name, own)}`: {' '.join(about.split())}")
    return "\n".join(lines)


def _call(name: str, parameters: Iterator[inspect.Parameter]) -> str:
    words, named = [], False
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and not named:
            words.append("*")
        named = named or each.kind in (each.KEYWORD_ONLY, each.VAR_POSITIONAL)
        words.append(_argument(each))
    return f"{name}({', '.join(words)})"


def _argument(each: inspect.Parameter) -> str:
    return str(each.replace(annotation=each.empty))


PARTS: dict[str, Callable[[type[Driver]], str]] = {
    "facts": facts,
    "constructor": constructor,
    "prices": prices,
    "states": states,
    "keywords": keywords,
    "methods": methods,
}

# ---- the command ----


def commands() -> dict[str, argparse.ArgumentParser]:
    """The parsers of the commands, by name."""
    (choices,) = [each.choices for each in parser()._actions if isinstance(each, argparse._SubParsersAction)]
    return dict(choices)


def options(command: str) -> str:
    """What a command takes: its own options, or those `common` to all."""
    common = {each.dest for each in parser()._actions}
    if command == "common":
        wanted = [each for each in parser()._actions if not isinstance(each, argparse._SubParsersAction)]
    else:
        wanted = [each for each in commands()[command]._actions if each.dest.removesuffix("_after") not in common]
    return table(["option", "meaning"], *([_spelled(each), each.help or ""] for each in wanted))


def _spelled(each: argparse.Action) -> str:
    value = each.metavar or ("\\|".join(each.choices) if each.choices else each.dest.upper())
    if not each.option_strings:
        return f"`{value}`"
    words = ", ".join(f"`{option}`" for option in each.option_strings)
    needed = ", required" if each.required else ""
    return f"{words}{'' if each.nargs == 0 else f' `{value}`'}{needed}"


if __name__ == "__main__":
    for page in pages():
        page.write_text(renewed(page))
        print(page.relative_to(DOCS.parent))
