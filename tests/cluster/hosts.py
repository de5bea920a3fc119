"""Two hosts on one machine, for what only shows between two: own network, processes, name, home and ssh server each."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

BRIDGE = "dssgan0"
NETWORK = "198.18.77"  # of the block for benchmarks (RFC 2544), which no real network uses
PREFIX_BITS = 24
SECONDS_TO_START = 20
SBIN = "/usr/sbin:/sbin"

# Process 1 of a host. A shell, not the server itself: it takes up the orphans that Ray's daemons are. Root's home is in
# the host's own passwd file, so the real one stays visible, with a Python that may lie there.
INIT = """
hostname "$1"
mount --bind "$2/passwd" /etc/passwd
mount --bind "$2/ray" /tmp/ray
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run && mkdir /run/sshd
"$3" -D -f "$2/sshd_config" -E "$2/sshd.log" &
wait
"""
PROBE = "mount -t tmpfs tmpfs /run && ip link add one type veth peer name two && ip link add three type bridge"
SSHD_CONFIG = """
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UsePAM no
PidFile none
"""


@dataclass(frozen=True)
class Host:
    """A host that runs.

    Args:
        name: of the host.
        address: its IPv4 address.
        home: root's home on it, as a path of the machine.
        namespace: of its processes.
        own: numbers of the processes it began with.
    """

    name: str
    address: str
    home: Path
    namespace: str
    own: frozenset[int] = frozenset()

    def processes(self) -> dict[int, str]:
        """Give number and command line of each process that was started on the host."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended
                here = str((process / "ns/pid").readlink()) == self.namespace
                ended = (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
                if here and not ended and int(process.name) not in self.own:
                    command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(process.name)] = command.decode(errors="replace").strip()
        return found


@dataclass(frozen=True)
class Hosts:
    """Two hosts that see each other, this machine, and its files.

    Args:
        head: the first.
        worker: the second.
        key: file with root's private key for both.
    """

    head: Host
    worker: Host
    key: Path


def absent() -> str | None:
    """Return what is to be installed on this machine, so that it can be two hosts; None where all is there."""
    names = [name for name in ("ip", "nsenter", "rsync", "ssh", "ssh-keygen", "sshd", "unshare") if not _which(name)]
    packages = "openssh-server, openssh-client, rsync, iproute2, util-linux"
    return f"needs {', '.join(names)} (Debian: {packages})" if names else None


def forbidden() -> str | None:
    """Return why this machine may not be two hosts; None where it may."""
    if os.geteuid() != 0:
        return "needs root, to make namespaces"
    tried = subprocess.run([*_unshare(), "sh", "-c", PROBE], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"may not make namespaces here ({tried.stderr.strip()})"


@contextmanager
def two_hosts(folder: Path) -> Iterator[Hosts]:
    """Make two hosts, and leave nothing of them but files in the folder.

    Args:
        folder: for keys, homes and logs; short, and outside the hosts' /tmp/ray.

    Yields:
        The hosts, whose ssh servers answer.
    """
    for name in ("key", "host_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with ExitStack() as stack:
        stack.enter_context(_mount_point(Path("/tmp/ray")))
        stack.enter_context(_without_ssh_sockets())
        _ip("link", "add", BRIDGE, "type", "bridge")
        stack.callback(_ip, "link", "delete", BRIDGE)
        _ip("address", "add", f"{NETWORK}.1/{PREFIX_BITS}", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        head = stack.enter_context(_host(folder, "dssgan-head", 2))
        worker = stack.enter_context(_host(folder, "dssgan-worker", 3))
        yield Hosts(head, worker, folder / "key")


@contextmanager
def _host(folder: Path, name: str, number: int) -> Iterator[Host]:
    own = folder / name
    home = own / "home"
    for path in (home, own / "ray"):
        path.mkdir(parents=True)
    (home / ".bashrc").touch()  # `ray up` reads it
    (own / "passwd").write_text(_passwd(home))
    (own / "sshd_config").write_text(SSHD_CONFIG.format(folder=folder))
    init = subprocess.Popen(
        [*_unshare(), "bash", "-c", INIT, "init", name, own, str(_which("sshd"))],
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    host, wire = None, f"dssgan{number}"
    try:
        host = Host(name, f"{NETWORK}.{number}", home, _namespace(init))
        _ip("link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", str(init.pid))
        _ip("link", "set", wire, "master", BRIDGE, "up")
        inside = ["nsenter", "--target", str(init.pid), "--net", str(_which("ip"))]
        for command in (
            "link set lo up", f"address add {host.address}/{PREFIX_BITS} dev eth0", "link set eth0 up",
            f"route add default via {NETWORK}.1",  # Ray looks there for the address of its own
        ):  # fmt: skip
            subprocess.run([*inside, *command.split()], check=True)
        until(lambda: _answers(host.address), f"{name} does not answer by ssh, see {own}/sshd.log")
        # the look at the port may still be on its way out
        until(lambda: len(host.processes()) == 2, f"{name} does not come to rest")
        yield replace(host, own=frozenset(host.processes()))
    finally:
        os.killpg(init.pid, signal.SIGKILL)  # process 1 goes with it, and everything with process 1
        init.wait()
        if host is not None:
            until(lambda: not replace(host, own=frozenset()).processes(), f"{name} outlives its process 1")
        # where the wire was plugged in, it may be gone with the host's network already
        subprocess.run([str(_which("ip")), "link", "delete", wire], capture_output=True, check=False)


def _unshare() -> list[str]:
    return ["unshare", "--net", "--mount", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc"]


def _namespace(init: "subprocess.Popen[bytes]") -> str:
    """Wait for a host's namespace of processes."""
    ours = Path("/proc/self/ns/pid").readlink()
    found = ours

    def look() -> bool:
        nonlocal found
        with suppress(OSError):  # between the making of the namespace and its first process
            found = Path(f"/proc/{init.pid}/ns/pid_for_children").readlink()
        return found != ours

    until(look, "the host does not start")
    return str(found)


def _passwd(home: Path) -> str:
    lines = [line.split(":") for line in Path("/etc/passwd").read_text().splitlines()]
    return "".join(
        ":".join([*fields[:5], str(home), "/bin/bash"] if fields[0] == "root" else fields) + "\n" for fields in lines
    )


def _answers(address: str) -> bool:
    with suppress(OSError), socket.create_connection((address, 22), timeout=1) as connection:
        return connection.recv(4) == b"SSH-"
    return False


@contextmanager
def _mount_point(path: Path) -> Iterator[None]:
    """Have a folder for the hosts to mount theirs on."""
    made = not path.exists()
    path.mkdir(exist_ok=True)
    try:
        yield
    finally:
        if made:
            with suppress(OSError):  # somebody else uses it meanwhile
                path.rmdir()


@contextmanager
def _without_ssh_sockets() -> Iterator[None]:
    """Remove the folders in which `ray up` keeps sockets to hosts."""
    before = set(Path("/tmp").glob("ray_ssh_*"))
    try:
        yield
    finally:
        for path in set(Path("/tmp").glob("ray_ssh_*")) - before:
            shutil.rmtree(path, ignore_errors=True)


def until(done: Callable[[], object], complaint: str, seconds: float = SECONDS_TO_START) -> None:
    """Wait for something.

    Args:
        done: says whether it is so.
        complaint: what is wrong where it does not come.
        seconds: to wait.
    """
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)


def _ip(*arguments: str) -> None:
    subprocess.run([str(_which("ip")), *arguments], check=True)


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SBIN}")
