"""How Sphinx makes a site of these pages: `sphinx-build -W -n -b html docs docs/_build`."""

import re
import warnings

import aiocloud

project = "aiocloud"
author = "the authors of aiocloud"
release = version = aiocloud.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "alabaster"

myst_heading_anchors = 3  # so that links lead to sections, as they do where the pages are read without Sphinx

default_role = "code"  # `word` in a docstring is code, as in Markdown
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True, "show-inheritance": True}

with warnings.catch_warnings(action="ignore"):  # that some providers are no more
    DRIVERS = [aiocloud.get_driver(provider).__name__ for provider in aiocloud.Provider]

nitpick_ignore_regex = [
    # The pages are built without a network, so that other projects' names lead nowhere.
    (
        "py:.*",
        r"(_?asyncio|abc|aiohttp|anyio|asyncssh|collections|configparser|contextvars|datetime|decimal|enum|multidict|pathlib|socket|ssl|tls|yarl)\..*",
    ),
    # Type variables are no pages.
    ("py:.*", r"aiocloud\.[\w.]+\.[TV]"),
    # In signatures that name a type which only type checkers import, Sphinx leaves all names as they are written.
    ("py:class", r"Cost|Decimal|Path|SharedSession|datetime|tuple\[.*"),
    # Drivers have pages of their own.
    ("py:class", "|".join(DRIVERS)),
    # What the public names are made of, and is not public.
    ("py:class", r"aiocloud\.(deploy\.(connecting|deploying|hostkeys|steps)|simulators\.ssh\.machine)\.\w+"),
    ("py:class", r"NodeAuth|OnStepOutput|SimulatedSSH|Steps"),
]

TABLE = re.compile(r"^( *)([\w,. ()|-]*\w\)?) {2,}(\S.*)$")


def _rows(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Docstrings are laid out to be read as they stand: what is aligned by blanks, or drawn, is kept so."""
    drawn = False
    made: list[str] = []
    for line in lines:
        begins = bool(TABLE.match(line)) or line.lstrip().startswith(("* ", "x ", "+ ", "- ", "· "))
        if begins and not drawn:
            made += ["", "::", ""]
        drawn = bool(line) and (begins or drawn)
        made.append(f"    {line}" if drawn else _plain(line))
    lines[:] = made


def _plain(line: str) -> str:
    """A line in which stars mean stars."""
    parts = line.split("`")
    parts[::2] = [part.replace("*", r"\*") for part in parts[::2]]
    return "`".join(parts)


def setup(app: object) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _rows)  # type: ignore[attr-defined]  # Sphinx is no dependency of the checks
