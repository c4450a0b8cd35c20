"""Where everything is written: answers to stdout, whatever else there is to tell to stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

from aiocloud.errors import AiocloudError


class UsageError(AiocloudError):
    """What was typed makes no sense; the message says how to mend it."""


def say(text: str) -> None:
    """A part of the answer."""
    sys.stdout.write(text + "\n")


def tell(text: str) -> None:
    """A remark beside the answer, after what was said so far."""
    sys.stdout.flush()
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def complain(text: str) -> None:
    """One line about what went wrong."""
    tell(f"aiocloud: {' '.join(text.split())}")


def say_json(document: Any) -> None:
    """A document, laid out for people too."""
    say(json.dumps(document, indent=2, ensure_ascii=False))


def need_rich() -> None:
    """Find out before anything is asked of a cloud whether a table can be drawn. Raises AiocloudError."""
    try:
        import rich.table  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise AiocloudError(
            "tables need rich: pip install 'aiocloud[cli]' (--format json, jsonl and csv work without)"
        ) from error
