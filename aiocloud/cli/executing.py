"""What was typed, done: the event loop, signals, and mistakes in words."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from aiocloud.cli.output import UsageError, complain
from aiocloud.errors import AiocloudError, ProviderNotFoundError, RetiredProviderWarning

ERROR, USAGE, INTERRUPTED, UNREAD, TERMINATED = 1, 2, 130, 141, 143


def execute(arguments: Namespace, today: date) -> int:
    """Run a command; the exit status."""
    told: list[int] = []
    try:
        with _warnings_in_words(), _logs(debug=arguments.debug):
            status = asyncio.run(_until_told_to_end(_command(arguments.module)(arguments, today), told))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except asyncio.CancelledError:
        return INTERRUPTED if told[:1] == [signal.SIGINT] else TERMINATED
    except BrokenPipeError:
        _discard_output()
        return UNREAD
    except (UsageError, ProviderNotFoundError) as error:
        complain(str(error))
        return USAGE
    except (AiocloudError, OSError) as error:
        complain(str(error) or type(error).__name__)
        return ERROR
    except Exception as error:
        if arguments.debug:
            raise
        complain(f"a mistake in aiocloud or a driver: {type(error).__name__}: {error} (--debug shows where)")
        return ERROR
    return status


async def _until_told_to_end(command: Coroutine[Any, Any, int], told: list[int]) -> int:
    """Run a command; each signal to end is noted and cancels it, so that a create in flight still tells its end.

    So does Ctrl-C, whose exception would else strike in the midst of any step when it is pressed a second time. From
    the third time on it does: whoever insists may break off even what listens to nothing.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - this is one
    loop = asyncio.get_running_loop()

    def end(number: int) -> None:
        told.append(number)
        if told.count(signal.SIGINT) > 1:
            loop.remove_signal_handler(signal.SIGINT)
        task.cancel()

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is None or signal.getsignal(number) is signal.SIG_IGN:  # nohup wants it ignored
            continue
        with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows and threads take none
            loop.add_signal_handler(number, end, number)
    return await command


def _command(module: str) -> Callable[[Namespace, date], Coroutine[Any, Any, int]]:
    run: Callable[[Namespace, date], Coroutine[Any, Any, int]]
    run = importlib.import_module(f"aiocloud.cli.{module}").run
    return run


@contextmanager
def _warnings_in_words() -> Iterator[None]:
    """Each warning about a retired provider once, as one line."""
    said: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if str(message) not in said:
            said.add(str(message))
            complain(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("always", RetiredProviderWarning)
        warnings.showwarning = show
        yield


@contextmanager
def _logs(*, debug: bool) -> Iterator[None]:
    """What the library warns of as lines on stderr; with `debug`, each request and its answer, too."""
    ours, wire = logging.getLogger("aiocloud"), logging.getLogger("aiocloud.http")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("aiocloud: %(message)s"))
    before, propagated = wire.level, ours.propagate
    ours.addHandler(handler)
    ours.propagate = False
    if debug:
        wire.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.propagate = propagated
        wire.setLevel(before)


def _discard_output() -> None:
    """Whoever read us has left. What is still buffered goes nowhere, so that Python's own exit stays silent."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # no real file, as under a test
        return
