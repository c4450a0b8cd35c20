"""What the tests' sshd does, as plain asyncssh sees it."""

from __future__ import annotations

import pwd
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.sshd.conftest import StartSshd
from tests.sshd.daemon import Sshd, SshdError, answers, descendants, make_key, state
from tests.sshd.users import PREFIX, User, throw_away_user


def connect(sshd: Sshd, **options: Any) -> Any:
    usual = {
        "host": "127.0.0.1",
        "port": sshd.port,
        "username": sshd.username,
        "client_keys": [str(sshd.key)],
        "known_hosts": str(sshd.known_hosts),
        "config": None,
        "agent_path": None,
    }
    return asyncssh.connect(**usual | options)


async def test_the_key_of_the_fixture_signs_in(sshd: Sshd) -> None:
    async with connect(sshd) as connection:
        done = await connection.run("id -un")
    assert done.stdout == f"{sshd.username}\n"
    assert "Accepted publickey" in sshd.log


async def test_a_key_signs_in_once_it_is_authorized(sshd: Sshd, tmp_path: Path) -> None:
    public = make_key(tmp_path / "another")
    with pytest.raises(asyncssh.PermissionDenied):
        await connect(sshd, client_keys=[str(tmp_path / "another")])
    sshd.authorize(public)
    async with connect(sshd, client_keys=[str(tmp_path / "another")]) as connection:
        assert (await connection.run("true")).exit_status == 0


async def test_an_authorized_key_may_have_options(sshd: Sshd, tmp_path: Path) -> None:
    sshd.authorize('command="echo forced" ' + make_key(tmp_path / "another"))
    async with connect(sshd, client_keys=[str(tmp_path / "another")]) as connection:
        assert (await connection.run("true")).stdout == "forced\n"


async def test_a_password_signs_in_where_the_daemon_permits_it(start_sshd: StartSshd, sshd_user: User) -> None:
    how: dict[str, Any] = {"username": sshd_user.name, "client_keys": None}
    permitting = start_sshd(PasswordAuthentication=True)
    async with connect(permitting, password=sshd_user.password, **how) as connection:
        assert (await connection.run("id -un")).stdout == f"{sshd_user.name}\n"
    with pytest.raises(asyncssh.PermissionDenied):
        await connect(permitting, password="another", **how)
    with pytest.raises(asyncssh.PermissionDenied):
        await connect(start_sshd(), password=sshd_user.password, **how)


async def test_the_user_has_a_home_that_is_empty(sshd: Sshd, sshd_user: User) -> None:
    async with connect(sshd, username=sshd_user.name) as connection:
        assert (await connection.run("pwd; ls -A")).stdout == f"{sshd_user.home}\n"
        await connection.run("mkdir -p .ssh/deep; ln -s / root; touch -- -f; sleep 60 >/dev/null 2>&1 &", check=True)
    assert {each.name for each in sshd_user.home.iterdir()} == {".ssh", "root", "-f"}
    sshd_user.empty_home()
    assert not list(sshd_user.home.iterdir())


async def test_exit_codes_and_both_streams_come_back(sshd: Sshd) -> None:
    async with connect(sshd) as connection:
        done = await connection.run("echo out; echo err >&2; exit 7")
    assert (done.stdout, done.stderr, done.exit_status) == ("out\n", "err\n", 7)


async def test_a_command_that_a_signal_ended_tells_which(sshd: Sshd) -> None:
    async with connect(sshd) as connection:
        done = await connection.run("kill -TERM $$")
    assert done.exit_signal is not None
    assert done.exit_signal[0] == "TERM"


async def test_signals_are_passed_on_to_a_common_user(sshd: Sshd, sshd_user: User) -> None:
    async with connect(sshd, username=sshd_user.name) as connection:
        process = await connection.create_process("echo up; exec sleep 60")
        await process.stdout.readline()
        process.send_signal("KILL")
        done = await process.wait()
    assert done.exit_signal is not None
    assert done.exit_signal[0] == "KILL"


async def test_files_are_written_and_read_with_sftp(sshd: Sshd, sshd_user: User) -> None:
    async with connect(sshd, username=sshd_user.name) as connection, connection.start_sftp_client() as sftp:
        async with sftp.open("there", "wb") as file:
            await file.write(b"\x00words")
        assert set(await sftp.listdir(".")) == {".", "..", "there"}
    assert (sshd_user.home / "there").read_bytes() == b"\x00words"
    assert (sshd_user.home / "there").owner() == sshd_user.name


async def test_there_may_be_no_sftp(start_sshd: StartSshd) -> None:
    async with connect(start_sshd(Subsystem=None)) as connection:
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.start_sftp_client()


async def test_the_number_of_sessions_in_a_connection_may_be_bounded(start_sshd: StartSshd) -> None:
    async with connect(start_sshd(MaxSessions=1)) as connection:
        first = await connection.create_process("cat")
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.run("true")
        first.stdin.write_eof()
        await first.wait()


async def test_connections_beyond_a_number_may_be_refused(start_sshd: StartSshd) -> None:
    sshd = start_sshd(MaxStartups="1:100:1")
    with socket.create_connection(("127.0.0.1", sshd.port)) as idle:
        assert idle.recv(4) == b"SSH-"
        with pytest.raises((asyncssh.Error, OSError)):
            await connect(sshd)


async def test_a_changed_host_key_is_no_longer_trusted(sshd: Sshd, tmp_path: Path) -> None:
    before, port = sshd.host_key, sshd.port
    (tmp_path / "known").write_text(sshd.known_hosts.read_text())
    sshd.change_host_key()
    assert (sshd.host_key != before, sshd.port) == (True, port)
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        await connect(sshd, known_hosts=str(tmp_path / "known"))
    async with connect(sshd) as connection:
        assert connection.get_server_host_key().export_public_key().decode().strip() == sshd.host_key


async def test_there_may_be_host_keys_of_several_kinds(start_sshd: StartSshd) -> None:
    sshd = start_sshd(host_keys=["ssh-ed25519", "ecdsa-sha2-nistp256"])
    for key in sshd.host_keys:
        algorithm = key.split()[0]
        async with connect(sshd, server_host_key_algs=[algorithm]) as connection:
            assert connection.get_server_host_key().get_algorithm() == algorithm


async def test_one_that_stopped_answers_again_at_its_port_after_a_start(sshd: Sshd) -> None:
    port = sshd.port
    async with connect(sshd) as connection:
        sshd.stop()
        await connection.wait_closed()
    assert not answers("127.0.0.1", port)
    with pytest.raises(ConnectionRefusedError):
        await connect(sshd)
    sshd.start()
    assert sshd.port == port
    async with connect(sshd) as connection:
        assert (await connection.run("true")).exit_status == 0


async def test_killed_sessions_end_and_new_ones_are_taken(sshd: Sshd) -> None:
    async with connect(sshd) as connection:
        process = await connection.create_process("echo $$; exec sleep 60")
        pid = int(await process.stdout.readline())
        assert pid in descendants(sshd._process.pid if sshd._process else 0)
        sshd.kill_sessions()
        await connection.wait_closed()
    assert gone(pid)
    async with connect(sshd) as connection:
        assert (await connection.run("true")).exit_status == 0


def gone(pid: int) -> bool:
    """Whether a process ends soon."""
    for _ in range(500):
        if state(pid) in "ZX":
            return True
        time.sleep(0.01)
    return False


async def test_a_session_that_has_just_begun_is_killed_whole(sshd: Sshd, sshd_user: User) -> None:
    for _ in range(5):
        async with connect(sshd, username=sshd_user.name) as connection:
            sshd.kill_sessions()  # while sshd makes a process of the user's own for it
            await connection.wait_closed()


async def test_each_address_of_loopback_is_a_host_of_its_own(start_sshd: StartSshd) -> None:
    sshd = start_sshd(addresses=["0.0.0.0"])  # noqa: S104 - who comes from elsewhere cannot sign in
    (sshd.folder / "many").write_text(sshd.vouching("127.0.*"))
    for host in ("127.0.0.1", "127.0.1.200", "127.0.3.244"):
        async with connect(sshd, host=host, known_hosts=str(sshd.folder / "many")) as connection:
            assert (await connection.run("echo $SSH_CONNECTION")).stdout.split()[2] == host


async def test_ipv6_is_loopback_too(start_sshd: StartSshd) -> None:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
    sshd = start_sshd(addresses=["::1", "127.0.0.1"])
    assert sshd.address == f"[::1]:{sshd.port}"
    for host in ("::1", "127.0.0.1"):
        async with connect(sshd, host=host) as connection:
            assert (await connection.run("true")).exit_status == 0


def test_a_mistake_in_an_option_is_told_with_what_sshd_says(sshd: Sshd) -> None:
    with pytest.raises(SshdError, match="Bad configuration option: Nonsense"):
        Sshd(sshd.folder, Nonsense=True).start()


def test_a_user_that_a_dead_run_left_behind_is_removed_with_his_home(
    sshd_user: User,
) -> None:
    program = "import os; from tests.sshd.users import *; u = throw_away_user(); print(u.__enter__().name, flush=True)"
    left = subprocess.run(
        [sys.executable, "-c", f"{program}; os._exit(1)"], capture_output=True, text=True, check=False
    ).stdout.strip()
    home = Path(pwd.getpwnam(left).pw_dir)
    assert left.startswith(PREFIX)
    assert home.exists()
    with throw_away_user() as user:
        assert pwd.getpwnam(user.name).pw_dir == str(user.home)
    for name in (left, user.name):
        with pytest.raises(KeyError):
            pwd.getpwnam(name)
    assert not home.exists()
    assert not user.home.exists()
    assert pwd.getpwnam(sshd_user.name)
