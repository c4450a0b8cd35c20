"""Whether a line for the shell reads its standard input, and how. The shell itself asks for all of it at once."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from functools import cache
from typing import Literal, TypeAlias

from bashkit import AnalyzedCommand, Bash, BashError

Appetite: TypeAlias = Literal["nothing", "live", "whole"]
"""Reads nothing; reads while it runs, piece by piece; or gets the whole before it begins."""

LIVE = frozenset(("[", ":", "cat", "cd", "echo", "export", "false", "printf", "read", "set", "test", "true"))
"""With these alone, the shell reads piece by piece."""
PATTERNED = ("awk", "egrep", "fgrep", "gawk", "grep", "jq", "mawk", "sed", "tr", "yq")
NAMED = (
    *("b2sum", "base32", "base64", "bash", "cat", "cksum", "column", "cut", "expand", "fmt", "fold", "gunzip", "gzip"),
    *("head", "hexdump", "less", "md5sum", "more", "nl", "od", "paste", "rev", "sh", "sha1sum", "sha224sum"),
    *("sha256sum", "sha384sum", "sha512sum", "shuf", "sort", "strings", "sum", "tac", "tail", "tsort", "unexpand"),
    *("uniq", "wc", "xxd", "zcat"),
)
OPERANDS = dict.fromkeys(PATTERNED, 2) | dict.fromkeys(NAMED, 1)
"""With so many operands these read files; with fewer, standard input."""
READERS = frozenset(
    (
        ".",
        "bc",
        "dd",
        "eval",
        "mapfile",
        "parallel",
        "patch",
        "read",
        "readarray",
        "source",
        "su",
        "tar",
        "tee",
        "xargs",
    )
)
"""These may read whatever their operands are."""
WRAPPERS = frozenset(("env", "exec", "nice", "nohup", "sudo", "time", "timeout"))
"""These read what the command does that they run."""
FOLDERS = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/")


def appetite(line: str, programs: Container[str] = ()) -> Appetite:
    """How the line reads. `programs` are those, beside the shell's own, that may read.

    >>> appetite("ls /tmp | wc -l"), appetite("cat > f"), appetite("wc -l")
    ('nothing', 'live', 'whole')
    """
    try:
        told = _reader().analyze(line)
    except BashError:
        return "nothing"  # it says what is wrong with it
    hungry = [each for each in told.commands if each.name and _reads(each.name, each.args, programs)]
    hungry = [each for each in hungry if not _is_fed(each, hungry, line)]
    if not hungry and not told.has_dynamic_commands:
        return "nothing"
    names = {each.name for each in told.commands if not each.is_assignment_only}
    return "live" if names <= LIVE else "whole"


def _reads(path: str, arguments: Sequence[str | None], programs: Container[str]) -> bool:
    name = path.rpartition("/")[2] if path.startswith(FOLDERS) else path
    operands = [each for each in arguments if each is None or not (each.startswith("-") or each.isdecimal())]
    if name in WRAPPERS:
        inner = [each for each in arguments if each is None or not _is_option(each)]
        return bool(inner) and (inner[0] is None or _reads(inner[0], inner[1:], programs))
    if name in ("bash", "sh") and "-c" in arguments:
        line = next(iter(arguments[arguments.index("-c") + 1 :]), None)
        return line is None or appetite(line, programs) != "nothing"
    if name in OPERANDS:
        return len(operands) < OPERANDS[name] or "-" in arguments
    return name in READERS or "/" in name or name in programs


def _is_option(word: str) -> bool:
    """Whether it is an option of a wrapper, a variable that it sets, or a time."""
    return word.startswith("-") or "=" in word or re.fullmatch(r"[\d.]+[smhd]?", word) is not None


def _is_fed(command: AnalyzedCommand, hungry: list[AnalyzedCommand], line: str) -> bool:
    """Whether all commands of that name stand behind a pipe, or have a redirection."""
    name = re.escape(command.name or "")
    piped = rf"(?<!\|)\|&?\s*(?:sudo\s+)?{name}(?![\w-])"
    redirected = rf"(?<![\w|])(?<!\|\s){name}(?![\w-])[^|;&\n]*<"
    fed = len(re.findall(piped, line)) + len(re.findall(redirected, line))
    return fed >= sum(each.name == command.name for each in hungry)


@cache
def _reader() -> Bash:
    return Bash()
