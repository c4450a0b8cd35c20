"""The one check: format, lint, types, import contracts, tests and doctests. `python -m tests`

All steps run, whatever the others find; the exit status is 1 when one failed. Arguments go to pytest.
"""

from __future__ import annotations

import subprocess
import sys
import time

STEPS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "import contracts": ["importlinter.cli", "lint"],
    "tests and doctests": ["pytest", *sys.argv[1:]],
}


def run(name: str, command: list[str]) -> bool:
    print(f"== {name}", flush=True)
    began = time.monotonic()
    program = [sys.executable, "-m", *command]
    if name == "import contracts":
        program = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    status = subprocess.run(program, check=False).returncode
    print(f"== {name}: {'ok' if status == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s", flush=True)
    return status == 0


if __name__ == "__main__":
    failed = [name for name, command in STEPS.items() if not run(name, command)]
    print(f"== failed: {', '.join(failed)}" if failed else "== all ok")
    sys.exit(1 if failed else 0)
