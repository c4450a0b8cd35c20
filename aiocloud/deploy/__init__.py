"""From nothing to a configured machine, and one command on many.

ssh         SSH: how nodes are reached and signed in to
hostkeys    whom to trust
keys        private keys: files, texts, the agent
steps       what is done on a new node
userdata    what it is told when it boots first
connecting  from an address to somebody who is signed in there
client      run commands, write and read files
deploying   one deployment, from create to the last step, and what becomes of the node
many        many deployments side by side
running     commands on many machines
spreading   one piece of work on many things, bounded

asyncssh is imported when somebody first signs in.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aiocloud.deploy.client import Completed as Completed
    from aiocloud.deploy.client import Output as Output
    from aiocloud.deploy.client import SSHClient as SSHClient
    from aiocloud.deploy.hostkeys import AcceptAnyHostKey as AcceptAnyHostKey
    from aiocloud.deploy.hostkeys import ConsoleHostKeys as ConsoleHostKeys
    from aiocloud.deploy.hostkeys import HostKeys as HostKeys
    from aiocloud.deploy.hostkeys import KnownHosts as KnownHosts
    from aiocloud.deploy.hostkeys import PinnedHostKeys as PinnedHostKeys
    from aiocloud.deploy.hostkeys import PlantedHostKey as PlantedHostKey
    from aiocloud.deploy.hostkeys import TrustOnFirstUse as TrustOnFirstUse
    from aiocloud.deploy.many import Deployed as Deployed
    from aiocloud.deploy.many import Deployments as Deployments
    from aiocloud.deploy.running import Running as Running
    from aiocloud.deploy.running import RunResult as RunResult
    from aiocloud.deploy.running import run as run
    from aiocloud.deploy.ssh import SSH as SSH
    from aiocloud.deploy.steps import CloudInitDeployment as CloudInitDeployment
    from aiocloud.deploy.steps import Deployment as Deployment
    from aiocloud.deploy.steps import FileDeployment as FileDeployment
    from aiocloud.deploy.steps import MultiStepDeployment as MultiStepDeployment
    from aiocloud.deploy.steps import ScriptDeployment as ScriptDeployment
    from aiocloud.deploy.steps import ScriptFileDeployment as ScriptFileDeployment
    from aiocloud.deploy.steps import SSHKeyDeployment as SSHKeyDeployment

_HOMES = {
    "client": "Completed Output SSHClient",
    "hostkeys": "AcceptAnyHostKey ConsoleHostKeys HostKeys KnownHosts PinnedHostKeys PlantedHostKey TrustOnFirstUse",
    "many": "Deployed Deployments",
    "running": "RunResult Running run",
    "ssh": "SSH",
    "steps": (
        "CloudInitDeployment Deployment FileDeployment MultiStepDeployment SSHKeyDeployment ScriptDeployment "
        "ScriptFileDeployment"
    ),
}
_MODULES = {name: f"{__name__}.{module}" for module, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_MODULES)

if not TYPE_CHECKING:  # so that checkers see a misspelt name

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(_MODULES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return __all__
