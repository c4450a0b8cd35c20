"""What our client does with a server that others wrote: OpenSSH's sshd, on loopback."""

from __future__ import annotations

import asyncio
import time
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
    SSHClient,
    TrustOnFirstUse,
    run,
)
from aiocloud.deploy.connecting import Access, place_of
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
