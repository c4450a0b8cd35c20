"""What our client does with a server that others wrote: OpenSSH's sshd, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from aiocloud.deploy import (
    SSH,
    AcceptAnyHostKey,
    KnownHosts,
    MultiStepDeployment,
    PinnedHostKeys,
    ScriptDeployment,
    ScriptFileDeployment,
    SSHClient,
    SSHKeyDeployment,
    TrustOnFirstUse,
    run,
)
from aiocloud.deploy.connecting import Access, place_of
from aiocloud.deploy.keys import make_key
from aiocloud.deploy.steps import FileDeployment
from aiocloud.errors import (
    AiocloudError,
    CommandTimeoutError,
    ConfigurationError,
    ConnectionLostError,
    FileTransferError,
    HostKeyError,
    OutputLimitError,
    ScriptFailedError,
    SignInError,
    SSHConnectError,
)
from aiocloud.models import Node
from tests.sshd.conftest import StartSshd
from tests.sshd.daemon import Sshd
from tests.sshd.users import User

NODE = Node(id="1", name="web-1")


def way(sshd: Sshd, **more: Any) -> SSH:
    """How it is reached."""
    usual = {"username": sshd.username, "port": sshd.port, "keys": [str(sshd.key)]}
    return SSH(**{**usual, "host_keys": PinnedHostKeys(sshd.host_key), **more})


async def sign_in(ssh: SSH) -> SSHClient:
    async with Access(ssh) as access:
        return await access.connect(place_of("127.0.0.1", ssh))


async def failure(ssh: SSH) -> AiocloudError | None:
    (result,) = await run(["127.0.0.1"], "true", ssh=ssh)
    return result.error


async def test_a_command_tells_status_output_and_signal(sshd: Sshd) -> None:
    async with await sign_in(way(sshd)) as client:
        done = await client.run("printf 'a\\377'; echo b >&2; exit 3", check=False)
        assert (done.exit_status, done.stdout_bytes, done.stdout, done.stderr) == (3, b"a\xff", "a\\xff", "b\n")
        with pytest.raises(ScriptFailedError, match=r"status 2: .*syntax error"):
            await client.run("if then")
        with pytest.raises(ScriptFailedError) as caught:
            await client.run("kill -TERM $$")
        assert (caught.value.exit_status, caught.value.exit_signal) == (None, "TERM")
        assert (await client.run(["printf", "%s|", "a b", "$HOME", "'"])).stdout == "a b|$HOME|'|"
        assert (await client.run("cat", input=b"\0" * 10**6)).stdout_bytes == b"\0" * 10**6


async def test_a_command_that_never_ends_is_stopped_and_what_it_wrote_is_kept(sshd: Sshd, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    async with await sign_in(way(sshd)) as client:
        with pytest.raises(CommandTimeoutError, match=r"did not end within 0\.5 s; it was stopped") as caught:
            await client.run(f"echo begun; sleep 8; touch {witness}", timeout=0.5)
        assert caught.value.stdout == "begun\n"
        left = await client.run("pgrep -x -f 'sleep 8'", check=False)
        assert left.stdout == ""


async def test_too_much_output_is_stopped_but_may_be_passed_on(sshd: Sshd) -> None:
    async with await sign_in(way(sshd)) as client:
        with pytest.raises(OutputLimitError, match="more than 1000000 bytes"):
            await client.run("yes", output_limit=10**6)
        count = 0

        def take(_: object) -> None:
            nonlocal count
            count += 1

        done = await client.run("seq 300000", output_limit=1000, on_output=take)
        assert (count, done.truncated, len(done.stdout_bytes)) == (300000, True, 1000)
        assert done.stdout.endswith("\n300000\n")


async def test_files_go_there_and_back_with_their_permissions(sshd: Sshd, tmp_path: Path) -> None:
    source, target = tmp_path / "a.conf", tmp_path / "there.conf"
    source.write_bytes(b"\0x\n")
    source.chmod(0o640)
    async with await sign_in(way(sshd)) as client:
        await FileDeployment(source, str(target)).run(NODE, client)
        assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"\0x\n", 0o640)
        await client.put(str(target), "secret", mode=0o600)
        assert await client.get(str(target)) == b"secret"
        await client.delete(str(target))
        assert not target.exists()
        with pytest.raises(FileTransferError, match="no such file"):
            await client.put(str(tmp_path / "no" / "such"), "")
        with pytest.raises(FileTransferError, match="full disk"):
            await client.put("/dev/full", "x")


async def test_without_sftp_the_shell_writes_the_files(start_sshd: StartSshd, tmp_path: Path) -> None:
    sshd = start_sshd(Subsystem=None)
    target = tmp_path / "a file"
    async with await sign_in(way(sshd)) as client:
        await client.put(str(target), b"\0", mode=0o600)
        assert await client.get(str(target)) == b"\0"
        assert target.stat().st_mode & 0o777 == 0o600


async def test_steps_run_in_order_and_keep_what_they_wrote(sshd: Sshd, tmp_path: Path) -> None:
    script = ScriptDeployment("#!/bin/bash\necho $1 ${BASH_VERSION:+bash}", ["a b"], str(tmp_path / "s.sh"), True)
    steps = MultiStepDeployment([ScriptDeployment("exit 4", name=str(tmp_path / "t.sh"), check=False), script])
    async with await sign_in(way(sshd)) as client:
        await steps.run(NODE, client)
    assert [step.exit_status for step in steps.steps] == [4, 0]
    assert script.stdout == "a b bash\n"
    assert not (tmp_path / "s.sh").exists()


async def test_a_connection_that_breaks_says_what_was_going_on(sshd: Sshd) -> None:
    async with await sign_in(way(sshd)) as client:
        running = asyncio.ensure_future(client.run("echo begun; sleep 30", on_output=lambda _: sshd.kill_sessions()))
        with pytest.raises(ConnectionLostError, match="sleep 30"):
            await running


async def test_who_is_not_let_in_hears_why(sshd: Sshd, tmp_path: Path) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    stranger.write_private_key(tmp_path / "stranger")
    refused = await failure(way(sshd, keys=[str(tmp_path / "stranger")]))
    assert isinstance(refused, SignInError)
    assert "does not let in" in str(refused)
    nobody = await failure(way(sshd, username="nobody-such", alternate_usernames=["nor-this"]))
    assert "none of nobody-such, nor-this" in str(nobody)
    assert await failure(way(sshd, username="nobody-such", alternate_usernames=[sshd.username])) is None
    sshd.stop()
    closed = await failure(way(sshd))
    assert isinstance(closed, SSHConnectError)
    assert "connection refused" in str(closed)


async def test_keys_that_cannot_be_used_are_said_to_be_so(sshd: Sshd, tmp_path: Path) -> None:
    text = asyncssh.read_private_key(sshd.key).export_private_key(passphrase="tide").decode()
    (tmp_path / "locked").write_text(text)
    locked = str(tmp_path / "locked")
    assert await failure(way(sshd, keys=[locked], key_password="tide")) is None
    assert await failure(way(sshd, keys=[text], key_password="tide")) is None
    for keys, words, password in (
        ([locked], "encrypted: give its password", None),
        ([locked], "password given for it is wrong", "ebb"),
        ([str(tmp_path / "none")], "cannot be read: No such file", None),
        ([f"{sshd.authorized_keys}"], "public half", None),
    ):
        with pytest.raises(ConfigurationError, match=words):
            await failure(way(sshd, keys=keys, key_password=password))


async def test_a_host_key_is_trusted_only_as_the_policy_says(sshd: Sshd, tmp_path: Path) -> None:
    record, known = tmp_path / "record", tmp_path / "known_hosts"
    first_use = TrustOnFirstUse(record)
    assert isinstance(await failure(way(sshd, host_keys=KnownHosts(known))), HostKeyError)
    known.write_text(f"[127.0.0.1]:{sshd.port} {sshd.host_key}\n")
    assert await failure(way(sshd, host_keys=KnownHosts(known))) is None
    assert await failure(way(sshd, host_keys=first_use)) is None
    assert await failure(way(sshd, host_keys=TrustOnFirstUse(record))) is None
    old = sshd.host_key
    sshd.stop()
    sshd.change_host_key()
    sshd.start()
    for policy in (KnownHosts(known), TrustOnFirstUse(record), PinnedHostKeys(old)):
        changed = await failure(way(sshd, host_keys=policy))
        assert isinstance(changed, HostKeyError)
        assert changed.presented.startswith("SHA256:")
    assert await failure(way(sshd, host_keys=AcceptAnyHostKey())) is None
    assert len(record.read_text().splitlines()) == 1


async def test_the_way_may_lead_over_another_machine(sshd: Sshd) -> None:
    jump = f"{sshd.username}@127.0.0.1:{sshd.port}"
    results = await run(
        [f"127.0.0.1:{sshd.port}"] * 3, "echo there", ssh=way(sshd, jump=jump, host_keys=AcceptAnyHostKey())
    )
    assert [result.stdout for result in results] == ["there\n"] * 3
    wrong = await failure(way(sshd, jump="127.0.0.1:1", host_keys=AcceptAnyHostKey()))
    assert "jump host 127.0.0.1: port 1: connection refused" in str(wrong)


async def test_a_crowd_at_one_machine_is_let_in_by_and_by(sshd: Sshd) -> None:
    results = await run([f"127.0.0.1:{sshd.port}"] * 40, "true", ssh=way(sshd), limit=40)
    assert [result.error for result in results] == [None] * 40


async def test_a_machine_that_takes_too_long_costs_no_more_than_its_time(sshd: Sshd) -> None:
    began = time.monotonic()
    (result,) = await run(["127.0.0.1"], "sleep 20", ssh=way(sshd), timeout=1)
    assert isinstance(result.error, CommandTimeoutError)
    assert time.monotonic() - began < 12


@pytest.fixture
def agent(sshd: Sshd, tmp_path: Path) -> Iterator[str]:
    """The socket of an ssh-agent that has the key."""
    path = str(tmp_path / "agent")
    with subprocess.Popen([found("ssh-agent"), "-D", "-a", path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it listens
        environment = {**os.environ, "SSH_AUTH_SOCK": path}
        subprocess.run([found("ssh-add"), "-q", str(sshd.key)], check=True, capture_output=True, env=environment)
        yield path
        process.terminate()


def found(name: str) -> str:
    path = shutil.which(name)
    assert path is not None
    return path


async def test_keys_of_the_agent_sign_in(
    sshd: Sshd, agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # without keys of one's own
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert isinstance(await failure(way(sshd, keys=())), SignInError)
    monkeypatch.setenv("SSH_AUTH_SOCK", agent)
    assert await failure(way(sshd, keys=())) is None
    assert isinstance(await failure(way(sshd, keys=(), agent=False)), SignInError)


async def test_an_address_that_does_not_answer_costs_little_beside_one_that_does(start_sshd: StartSshd) -> None:
    sshd = start_sshd()
    silent = socket.socket(socket.AF_INET6)
    silent.bind(("::1", sshd.port))
    silent.listen(0)
    with contextlib.ExitStack() as full:
        full.enter_context(silent)
        for _ in range(3):  # its queue is full: whoever comes now hears nothing
            waiting = full.enter_context(socket.socket(socket.AF_INET6))
            waiting.setblocking(False)
            waiting.connect_ex(("::1", sshd.port))
        node = Node(id="1", name="web-1", public_ips=("::1", "127.0.0.1"))
        began = time.monotonic()
        (result,) = await run([node], "echo there", ssh=way(sshd))
    assert (result.stdout, result.error) == ("there\n", None)
    assert time.monotonic() - began < 5


async def test_public_keys_are_added_once_to_a_file_that_may_not_end_its_last_line(sshd: Sshd, sshd_user: User) -> None:
    first, second = make_key("first"), make_key("second")
    ssh = way(sshd, username=sshd_user.name)
    folder = sshd_user.home / ".ssh"
    step = SSHKeyDeployment([first.public, f"{second.public}\n", f"{first.public} again"])
    for before in (None, "# theirs\nssh-ed25519 AAAAtheirs theirs"):
        if before is not None:
            (folder / "authorized_keys").write_text(before)
        async with await sign_in(ssh) as client:
            await step.run(NODE, client)
            await step.run(NODE, client)
        lines = (folder / "authorized_keys").read_text().splitlines()
        assert lines == [*(before or "").splitlines(), first.public, second.public]
        assert (folder.stat().st_mode & 0o777, (folder / "authorized_keys").stat().st_mode & 0o777) == (0o700, 0o600)
        assert (folder.stat().st_uid, (folder / "authorized_keys").stat().st_uid) == (sshd_user.uid, sshd_user.uid)


async def test_a_password_signs_in_and_a_wrong_one_does_not(start_sshd: StartSshd, sshd_user: User) -> None:
    sshd = start_sshd(PasswordAuthentication=True)
    ssh = way(sshd, username=sshd_user.name, keys=(), password=sshd_user.password)
    async with await sign_in(ssh) as client:
        assert (await client.run("id -un")).stdout.strip() == sshd_user.name
    refused = await failure(replace(ssh, password="wrong-canary"))
    assert isinstance(refused, SignInError)
    assert "canary" not in str(refused)


async def test_a_script_file_runs_with_its_arguments_and_is_removed(
    sshd: Sshd, sshd_user: User, tmp_path: Path
) -> None:
    script = tmp_path / "setup"
    script.write_text('#!/bin/sh\nprintf "%s|" "$@"; pwd; exit 4\n')
    step = ScriptFileDeployment(script, args=["a b", "$HOME"], delete=True, check=False)
    step.check()
    async with await sign_in(way(sshd, username=sshd_user.name)) as client:
        await step.run(NODE, client)
    assert (step.stdout, step.exit_status) == (f"a b|$HOME|{sshd_user.home}\n", 4)
    assert list(sshd_user.home.iterdir()) == []


async def test_many_machines_are_visited_though_few_files_may_be_open(start_sshd: StartSshd) -> None:
    """A process with `ulimit -n 64` asks for 100 at a time."""
    program = (
        "import asyncio, sys; from aiocloud.deploy import *\n"
        "async def main():\n"
        "    key, port, host_key, user = sys.argv[1:]\n"
        "    ssh = SSH(username=user, port=int(port), keys=[key], host_keys=PinnedHostKeys(host_key))\n"
        "    results = await run([f'127.0.0.{n}' for n in range(1, 121)], 'true', ssh=ssh, limit=100)\n"
        "    print(sum(result.ok for result in results), {str(result.error) for result in results if result.error})\n"
        "asyncio.run(main())\n"
    )
    sshd = start_sshd(addresses=("0.0.0.0",))  # noqa: S104 - each of 127.0.0.0/8 is a host
    arguments = [str(sshd.key), str(sshd.port), sshd.host_key, sshd.username]
    command = ["sh", "-c", 'ulimit -n 64; exec "$@"', "-", sys.executable, "-c", program, *arguments]
    done = await asyncio.to_thread(subprocess.run, command, text=True, capture_output=True, timeout=60)
    assert done.stdout == "120 set()\n", done.stdout + done.stderr
