"""What a program in a container can read and write of the kernel: no path more than Docker lets it.

A script in a container of the same image tries every file below /proc and /sys, under Docker and under bubblewrap, as
root of the container.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagelab import Entry, Lab
from imagelab.containers import Container
from judges.tools import Tool

# Of each file: r if a byte can be read (or its end), w if it can be opened to be written; d for a directory that can be
# listed. What belongs to one process only is left out, and of the slabs, whose files are alike, all but a few.
SCRIPT = r"""
find /proc /sys -type d \( -name '[0-9]*' -o -path '/sys/kernel/slab/[!kt]*' \) -prune -o -type l -prune \
    -o -print 2>/dev/null | sort | while read -r path; do
    can=-
    if [ -d "$path" ]; then
        ls "$path" > /tmp/list 2>/dev/null && [ -s /tmp/list ] && can=d
        (: > "$path/imagelab-was-here") 2>/dev/null && can=${can}c
    else
        timeout 1 head -c 1 "$path" > /dev/null 2>&1 && can=r
        (: >> "$path") 2>/dev/null && can=${can}w
    fi
    echo "$can $path"
done
grep Cap /proc/self/status
"""
APPLETS = ("sh", "find", "sort", "ls", "head", "timeout", "grep", "cat", "mknod", "sleep", "id", "chown", "chmod", "ps",
           "unshare", "mount", "umount", "chroot", "date", "hostname", "swapoff", "nice", "renice", "mkfifo", "ping",
           "rmmod", "true")  # fmt: skip
# Docker 20.10 still shows what newer ones hide (26 and later: /proc/interrupts).
HIDDEN_SINCE = {"/proc/interrupts"}


@pytest.fixture(scope="module")
def lab(busybox: Path, bwrap: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("reach") / "home")
    files: dict[str, Entry | str] = {f"bin/{name}": Entry.symlink("busybox") for name in APPLETS}
    files |= {"bin/busybox": Entry.file(busybox.read_bytes(), 0o755), "tmp": Entry.dir(0o1777)}
    files |= {"etc/passwd": "root:x:0:0::/root:/bin/sh\nme:x:1000:1001::/home/me:/bin/sh\n"}
    made.append(None, files, "reach:1")
    yield made
    for one in made.containers():
        one.remove(force=True)


def facts(printed: str) -> dict[str, str]:
    rows = [line.split(None, 1) for line in printed.splitlines() if line[:1] in "-rwdc"]
    return {path: can for can, path in rows}


def of_root(lab: Lab) -> Container:
    return lab.run("reach:1", "/bin/sh", "-c", SCRIPT, env=["PATH=/bin"])


def test_no_path_can_be_read_or_written_that_docker_does_not_allow(root, docker: Tool, lab: Lab, tmp_path):
    lab.save("reach:1", tmp_path / "reach.tar")
    docker("load", "--input", tmp_path / "reach.tar")
    command = ("run", "--rm", "--network", "none", "--env", "PATH=/bin", "reach:1", "/bin/sh", "-c", SCRIPT)
    theirs, ours = facts(docker(*command)), facts(of_root(lab).logs())
    assert len(ours) > 300 and "/proc/sys/kernel/printk_ratelimit_burst" in ours
    more = {
        path: (can, theirs.get(path, "-")) for path, can in ours.items()
        if set(can) - set(theirs.get(path, "-")) - {"-"} and path not in HIDDEN_SINCE
    }  # fmt: skip
    assert more == {}


def test_the_hosts_kernel_settings_cannot_be_changed(root, lab: Lab):
    setting = Path("/proc/sys/kernel/printk_ratelimit_burst")
    before = setting.read_text()
    made = lab.run("reach:1", "/bin/sh", "-c", f"echo {int(before) + 1} > {setting}")
    assert "Read-only file system" in made.logs() and made.exit_code != 0
    assert setting.read_text() == before
    for user in ("root", "me"):
        web = lab.run("reach:1", "/bin/sh", "-c", "while :; do /bin/sleep 1; done", user=user, detach=True)
        assert web.exec("/bin/sh", "-c", f"echo {int(before) + 1} > {setting}") != 0  # and in what exec starts
        assert setting.read_text() == before


def test_capabilities_are_dockers(root, docker: Tool, lab: Lab, tmp_path):
    lab.save("reach:1", tmp_path / "reach.tar")
    docker("load", "--input", tmp_path / "reach.tar")
    script = "grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status"
    theirs = docker("run", "--rm", "--network", "none", "reach:1", "/bin/sh", "-c", f"PATH=/bin; {script}")
    ours = lab.run("reach:1", "/bin/sh", "-c", f"PATH=/bin; {script}").logs()
    assert ours == theirs


def test_system_calls_are_denied_as_docker_denies_them(root, docker: Tool, lab: Lab, tmp_path):
    lab.save("reach:1", tmp_path / "reach.tar")
    docker("load", "--input", tmp_path / "reach.tar")
    script = """PATH=/bin
    for command in 'unshare -U true' 'unshare -m true' 'mount -t tmpfs none /tmp' 'mount -t proc none /tmp' \
        'umount /proc' 'chroot / /bin/true' 'date -s 2030-01-01' 'hostname other' 'swapoff /x' 'nice -n 5 true' \
        'renice -5 1' 'mkfifo /tmp/f' 'ping -c 1 127.0.0.1' 'rmmod x'; do
        $command > /dev/null 2>&1; echo "$command: $?"
    done"""
    theirs = docker("run", "--rm", "--network", "none", "reach:1", "/bin/sh", "-c", script)
    assert lab.run("reach:1", "/bin/sh", "-c", script).logs() == theirs


def test_root_of_a_container_is_not_root_of_the_machine_and_files_keep_their_owners(root, lab: Lab):
    """Its user namespace is not the host's, though every number in it is what it is on disk."""
    script = "cat /proc/self/uid_map; echo x > /made; chown 1234:5678 /made; chmod 4755 /made; mknod /null c 1 3"
    made = lab.run("reach:1", "/bin/sh", "-c", f"PATH=/bin; {script}")
    assert "mknod: /null: Operation not permitted" in made.logs()
    info = os.stat(made.root / "made")
    assert (info.st_uid, info.st_gid, info.st_mode & 0o7777) == (1234, 5678, 0o4755)
    web = lab.run("reach:1", "/bin/sleep", "1000", detach=True)
    assert os.readlink(f"/proc/{web.pid}/ns/user") != os.readlink("/proc/self/ns/user")


def test_a_program_gets_no_descriptor_of_the_host(root, lab: Lab):
    """Only its streams; beside another program, also the namespaces that it has joined, which are its own."""
    script = "PATH=/bin; ls -l /proc/$$/fd"
    assert descriptors(lab.run("reach:1", "/bin/sh", "-c", script).logs()) <= {"/dev/null", "pipe"}
    web = lab.run("reach:1", "/bin/sleep", "1000", detach=True)
    printed: list[bytes] = []
    web.exec("/bin/sh", "-c", script, output=lambda stream, data: printed.append(data))
    assert descriptors(b"".join(printed).decode()) <= {"/dev/null", "pipe", "user", "pid"}
    other = lab.run("reach:1", "/bin/sh", "-c", script, user="me").logs()
    assert descriptors(other) <= {"/dev/null", "pipe", "/memfd"}  # a sealed copy of bubblewrap


def descriptors(listing: str) -> set[str]:
    return {line.rpartition(" -> ")[2].split(":")[0] for line in listing.splitlines() if " -> " in line}


def test_the_program_that_sets_a_container_up_cannot_be_overwritten(root, lab: Lab):
    """As in CVE-2019-5736: /proc/PID/exe of what `exec` starts is open to the container for a moment."""
    from imagelab.runtime.bubblewrap import program_path

    before = Path(program_path()).read_bytes()
    hunt = """
    PATH=/bin; echo up
    while :; do for exe in /proc/[0-9]*/exe; do [ $exe = /proc/1/exe ] || (echo broken > $exe) 2>/dev/null; done; done
    """
    web = lab.run("reach:1", "/bin/sh", "-c", hunt, detach=True)
    for _ in range(8):
        subprocess.run([sys.executable, "-m", "imagelab", "--home", lab.home, "exec", web.id, "/bin/id"], check=False)
    assert Path(program_path()).read_bytes() == before
