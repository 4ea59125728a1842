"""One script of commands to Docker Engine and to imagelab, on the same image: the same words, codes and files.

The image is busybox alone, so that both run the same program: Docker under runc, imagelab under bubblewrap. Each line
of the script is a docker command. What is compared: exit codes, standard output, standard error (its order relative to
standard output is left to chance by both), the files that containers end up with, and the files that are copied out.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imagelab import Lab
from imagelab.filesystem.entry import Entry
from judges.tools import CommandLine, Tool
from judges.trees import Found, differences, of_disk, of_tar

PASSWD = "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n"
GROUP = "root:x:0:\nme:x:1000:\nstaff:x:50:me\n"
FOREIGN = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00\x01\x00\x00\x00" + bytes(100)  # for a 64-bit ARM

SCRIPT = r"""
# A container is made, started, looked at, and started again
create --name made --label a=b --env X=1 box:1 sh -c 'echo made $X; echo wrong >&2; echo kept >> /tmp/kept; exit 4'
ps
ps --all
ps --all --no-trunc --format \
    '{{.Names}}|{{.Image}}|{{.Command}}|{{.Status}}|{{.State}}|{{.Labels}}|{{.Ports}}|{{.Mounts}}'
ps --all --format 'table {{.ID}}\t{{.Names}}\t{{.RunningFor}}\t{{.LocalVolumes}}\t{{.Networks}}'
inspect --format '{{.Path}} {{json .Args}} {{.Name}} {{.Image}} {{.RestartCount}} {{json .Mounts}}' made
inspect --format '{{.State.Status}} {{.State.Running}} {{.State.Pid}} {{.State.ExitCode}} {{.State.StartedAt}}' made
start made
wait made
logs made
diff made
inspect --format '{{.State.Status}} {{.State.Running}} {{.State.Pid}} {{.State.ExitCode}} {{.State.Error}}' made
start --attach made
exec made true
logs made
ps --all --size
inspect --size --format '{{.SizeRw}} {{.SizeRootFs}}' made
export --output HERE/made.tar made
commit --message 'a message' --author 'An Author <a@b>' --change 'CMD ["cat", "/tmp/kept"]' --change 'ENV Y=2' \
    made of-made:1
run --rm of-made:1
inspect --format '{{.Author}}|{{.Comment}}|{{json .Config.Cmd}}|{{json .Config.Env}}|{{json .Config.Labels}}' \
    of-made:1
history --format '{{.CreatedBy}}|{{.Size}}|{{.Comment}}' of-made:1
rmi box:1
rm made
start made
rmi of-made:1

# In the foreground
run --name once box:1 sh -c 'echo out; echo err >&2; exit 3'
run --name lines box:1 seq 5
logs --tail 2 lines
logs -n 0 lines
logs --timestamps lines
logs --follow lines
run --rm box:1 false
run --rm box:1 sh -c 'exit 255'
run --rm box:1 sh -c 'kill -KILL $$; echo the first process hears only what it handles'
run --rm --interactive box:1 cat <<< 'through standard input'
run --rm box:1 cat <<< 'nobody reads this'
run --rm box:1 sh -c 'echo $$; hostname | wc -c; pwd; id; umask; echo $HOME'
run --rm --env A='one two' --env B --env BASE=no --env-file HERE/env box:1 sh -c 'env | sort'
run --rm --workdir /new/here box:1 pwd
run --rm --user me box:1 sh -c 'id; echo $HOME; touch /tmp/mine; ls -l /tmp/mine | cut -c1-10; touch /etc/no'
run --rm --user 1234:50 box:1 id
run --rm --user nobody box:1 true
run --rm --entrypoint /bin/echo box:1 an argument
run --rm --entrypoint '' box:1 echo of the command line
run --name settings --hostname a-host -l one -l two=2 -l of=me -u me -w /srv -e A=b --entrypoint sh box:1 -c hostname
inspect --format '{{.Config.Hostname}}|{{.Config.User}}|{{.Config.WorkingDir}}|{{json .Config.Env}}|{{json \
    .Config.Labels}}' settings
inspect --format '{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Path}} {{json .Args}} {{.Config.Image}}' \
    settings
inspect --format '{{.Config.AttachStdout}} {{.Config.OpenStdin}} {{.Config.Tty}} {{.HostConfig.AutoRemove}}' settings
inspect --format '{{.HostConfig.NetworkMode}} {{.Platform}} {{json .NetworkSettings.Ports}}' settings
run --name stdin -i box:1 sh -c 'read x; echo 1 $x; read x; echo 2 $x' <<< 'one'
run --rm box:1 sh -c 'stat -c "%A %u:%g %s %n" /srv/[!f]*; cat /proc/1/comm; for f in null zero full random \
    urandom tty fd stdin shm pts ptmx; do ls -d /dev/$f; done'
run --rm box:1 sh -c 'cat /proc/net/dev | grep -c :; wget -q http://127.0.0.1:9/ || echo no network'
ps --all --filter status=exited --format '{{.Names}} {{.Status}} {{.Command}}'
ps --all --quiet --filter name=settings
ps --all --filter exited=3 --format '{{.Names}}'
ps --all --filter label=two=2 --format '{{.Names}}'
ps --all --filter ancestor=box:1 --filter name=once --format '{{.Names}}'
ps --all --filter before=settings --format '{{.Names}}'
ps --all --filter since=settings --filter name=stdin --format '{{.Names}}'
ps --last 2 --format '{{.Command}}'
ps --latest --format '{{.Command}}'
container ls --all --filter status=created

# In the background
run --detach --name web box:1 sh -c 'trap "exit 5" TERM; echo up; echo ready > /srv/ready; while :; do sleep \
    600 & wait; done'
exec web cat /srv/ready
ps
ps --format '{{.Names}} {{.Status}} {{.State}}'
inspect --format '{{.State.Status}} {{.State.Running}} {{.State.ExitCode}} {{.State.FinishedAt}}' web
exec web sh -c 'echo $BASE $X; pwd; id -u; echo to stderr >&2; exit 7'
exec --env X=y --workdir /srv web sh -c 'echo $BASE $X; pwd'
exec --interactive web sh -c 'cat > /tmp/from-outside' <<< 'what was typed'
exec web cat /tmp/from-outside
exec web cat <<< 'nobody reads this'
exec web sh -c 'kill -TERM $$'
exec web sh -c 'kill -KILL $$'
exec web sh -c 'mkdir -p /srv/a/b && echo 1 > /srv/a/b/c; ln -s c /srv/a/b/l; ln /srv/a/b/c /srv/a/h; chmod 600 \
    /etc/group'
exec web sh -c 'rm /srv/plain /bin/yes; rm -r /srv/folder; mkdir /srv/folder; echo new > /srv/folder/new'
exec web sh -c 'chown me:staff /srv/text; mv /srv/moved /tmp; mkfifo /tmp/pipe; rm /home/me/.profile; rmdir /home/me'
diff web
exec web nothere
exec web /etc/passwd
exec web /srv
exec web /srv/notrun
cp web:/srv/a HERE/out
cp web:/srv/a/. HERE/out/b
cp web:/srv/a/b/c HERE/renamed
cp web:/srv/a/b/l HERE/out
cp --follow-link web:/srv/a/b/l HERE/followed
cp web:/etc/passwd -
cp web:/srv/a -
cp HERE/in web:/srv
cp HERE/in web:/srv/in-new
cp HERE/in/. web:/srv/folder
cp HERE/in/one web:/srv/one-renamed
cp HERE/in/one web:/tmp/
cp - web:/srv/folder < HERE/in.tar
exec web sh -c 'cd /srv; find in in-new folder one-renamed /tmp/one | sort; cat in/one in-new/sub/two \
    folder/new; ls -ln in/one | cut -d" " -f1-9 | tr -s " "'
cp web:/nope HERE/out
cp HERE/nope web:/tmp
cp HERE/in/one web:/no/such/folder
cp HERE/in web:/etc/passwd
cp HERE/in/one HERE/in/two
cp web:/a web:/b
cp HERE/in/one nobody:/tmp
diff web
rm web
container prune --force
ps --all --format '{{.Names}} {{.Status}}'
export --output HERE/web.tar web
stop web
ps --all --format '{{.Names}} {{.Status}}'
exec web true
stop web
kill web
wait web
start web
exec web cat /srv/ready /tmp/from-outside
kill --signal TERM web
wait web
logs web
commit web of-web:1
diff web
start web
rm --force web
run --rm of-web:1 cat /tmp/from-outside
rmi of-web:1

# Signals
run --detach --name deaf box:1 sleep 600
stop --time 1 deaf
inspect --format '{{.State.ExitCode}}' deaf
start deaf
kill deaf
wait deaf
start deaf
kill --signal HUP deaf
kill --signal NOSUCH deaf
kill --signal 9 deaf
wait deaf
run --detach --name polite box:1 sh -c 'trap "exit 143" TERM; echo > /srv/ready; sleep 600 & wait'
exec polite cat /srv/ready
stop -t 20 polite
inspect --format '{{.State.Status}} {{.State.ExitCode}}' polite
rm deaf polite

# Another name, and another start
create --cidfile HERE/cid --name aa box:1 sh -c 'echo up; sleep 600'
create --cidfile HERE/cid --name bb box:1
run --cidfile HERE/cid --name bb box:1 true
create --cidfile /nowhere/cid --name bb box:1
create --cidfile HERE/none --pull never no-such-image
rename aa cc
rename cc cc
create --name dd box:1
rename cc dd
rename cc '!'
rename cc ''
rename nosuch ee
ps --all --filter name=cc --format '{{.Names}} {{.Image}} {{.Status}}'
restart nosuch
restart -t 0 cc
restart --time 0 cc dd
inspect --format '{{.State.Status}} {{.Name}}' cc
rename cc ff
ps --filter name=ff --format '{{.Names}} {{.Status}}'
rm --force ff dd
system prune -f extra
system prune --volumes --filter until=1h
help nosuch

# What is in the way
create --name taken box:1 true
create --name taken box:1 true
run --name /taken box:1 true
run --detach --name running box:1 sleep 600
rm running
run --name 'not allowed' box:1 true
rm taken nobody
rm --force running
rm --force running
diff nobody
logs nobody
exec nobody true
start nobody
stop nobody
kill nobody
wait nobody
commit nobody
export nobody
inspect nobody
inspect --type container nobody
inspect --type container box:1
container inspect nobody
container inspect --format '{{.Id}}' nobody
cp nobody:/x HERE/x
commit once 'Not Allowed'
commit --change 'RUN x' once

# What cannot be run
run --name n1 box:1 nothere
run --name n2 box:1 /nothere
run --name n3 box:1 /srv/plain
run --name n4 box:1 /srv
run --name n5 box:1 /srv/notrun
run --name n6 box:1 /srv/foreign
run --detach --name n7 box:1 nothere
ps --all --filter name=n1 --filter name=n3 --filter name=n7 --format '{{.Names}} {{.Status}}'
inspect --format '{{.State.Status}} {{.State.ExitCode}}' n1 n3 n7
create --name n8 box:1 nothere
start n8
start --attach n8
run --rm box:1 nothere
run --pull never no-such-image true
create --pull never no-such-image
run --workdir not/absolute box:1 true
run --name nocommand --entrypoint '' box:1
run --no-such-flag box:1 true
run --env =x box:1 true
run --env-file HERE/nope box:1 true
run
exec web
stop --time soon web
logs --tail x once
ps --filter nonsense=1
ps --filter status=nonsense
ps --format '{{.Nope}}'
ps one
container no-such-verb
container prune --force

# The image goes last
run --detach --name last box:1 sleep 600
rmi IMAGE
rmi --force IMAGE
rmi box:1
rmi --force box:1
ps --all --format '{{.Names}} {{.Image}} {{.Command}}'
inspect --format '{{.Image}} {{.Config.Image}}' last
create --name another IMAGE
ps --all --filter ancestor=IMAGE --format '{{.Names}} {{.Image}}'
rm --force last another
rmi IMAGE
ps --all
"""

ID, SHORT = re.compile(r"\b[0-9a-f]{64}\b"), re.compile(r"\b[0-9a-f]{12}\b")
PLAIN = [  # what is another one each time, and docker's names for its own parts
    (ID, "<id>"),
    (SHORT, "<short>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.]+( [+-]\d{4} \w+|Z)"), "<time>"),
    (re.compile(r"(Less than a second|About an? \w+|\d+ (second|minute|hour)s?)( ago)?"), "<while>"),
    (re.compile(r" {2,}"), "  "),
    (re.compile(r"^(docker: |imagelab: )?(Error response from daemon: |Error: )?", re.M), ""),
    (re.compile(r"^time=.* level=error .*\n", re.M), ""),
    (re.compile(r"(failed to create shim task: )?OCI runtime \w+ failed: (runc create|exec) failed: "), ""),
    (re.compile(r"unable to start container process: |: unknown(?=\.?$)", re.M), ""),
    (re.compile(r"\bdocker\b"), "imagelab"),
    (re.compile(r"\b[a-z]+_[a-z]+\b"), "<name>"),
    (re.compile(r"\.$", re.M), ""),
]

AS_A_PROCESS = {"run", "start", "exec"}  # they attend to a program, and start it in another way than a notebook does


class Ours(CommandLine):
    """imagelab's command, in this process where that makes no difference."""

    def __init__(self, home: Path) -> None:
        super().__init__("imagelab", "--home", home)
        self.process = Tool(sys.executable, "-m", *self.command)

    def run(self, *args: str | Path, **how: Any) -> subprocess.CompletedProcess[bytes]:
        """Run one command line."""
        return self.process.run(*args, **how) if args[0] in AS_A_PROCESS else super().run(*args, **how)


@dataclass(frozen=True)
class Answer:
    """What a command came to, in words that can be compared."""

    code: int
    out: str
    err: str


_KERNEL = "Docker starts it, and the kernel's refusal is the exit code 1; we look first: 126, it cannot be run"
_EXEC = "Docker 20.10 says so on standard output, and always with 126; ours is as with run"
_FOLDER = "we say what it is; the kernel says EACCES"
_MORE = "our sentence says what would be right"
_FORMAT = "exec format error: it is not an ELF or WebAssembly program or a script"
DIFFERENT = {  # what is meant to be otherwise: the line, our answer, and why it is not Docker's
    "exec web nothere": (127, 'exec failed: exec: "nothere": executable file not found in $PATH', _EXEC),
    "exec web /etc/passwd": (126, 'exec failed: exec: "/etc/passwd": permission denied', _EXEC),
    "exec web /srv": (126, 'exec failed: exec: "/srv": is a directory', f"{_EXEC}; {_FOLDER}"),
    "exec web /srv/notrun": (126, f"exec failed: exec /srv/notrun: {_FORMAT}", _KERNEL),
    "run --name n4 box:1 /srv": (126, 'exec: "/srv": is a directory', _FOLDER),
    "run --name n5 box:1 /srv/notrun": (126, f"exec /srv/notrun: {_FORMAT}", _KERNEL),
    "run --name n6 box:1 /srv/foreign": (
        126, "exec /srv/foreign: exec format error: it is a program for aarch64", _KERNEL,
    ),
    "run --name nocommand --entrypoint '' box:1": (
        125, "No command specified: neither the image nor the command line says what to run\nSee 'imagelab run --help'",
        _MORE,
    ),
    "run --pull never no-such-image true": (
        125, "No such image: no-such-image\nSee 'imagelab run --help'", "docker adds the tag",
    ),
    "create --pull never no-such-image": (1, "No such image: no-such-image", "docker adds the tag"),
    "cp HERE/in web:/etc/passwd": (1, "cannot copy a directory to '/etc/passwd', which is a file", _MORE),
    "commit once 'Not Allowed'": (
        1, "invalid reference format: 'Not Allowed': repository name must be lowercase: 'Not Allowed'", _MORE,
    ),
    "ps --filter nonsense=1": (
        1,
        "Invalid filter 'nonsense': the filters here are ancestor, before, exited, id, label, name, since, status, "
        "volume",
        _MORE,
    ),
    "ps --filter status=nonsense": (
        1, "Invalid filter 'status=nonsense': the states are created, restarting, running, removing, paused, exited, "
        "dead", _MORE,
    ),
    "create --cidfile HERE/none --pull never no-such-image": (1, "No such image: no-such-image", "docker adds the tag"),
    "container no-such-verb": (
        1, "'container no-such-verb' is not a command of imagelab\nSee 'imagelab container --help'",
        "Docker lists all verbs of the group",
    ),
}  # fmt: skip


def ask(tool: Tool, line: str, here: Path, image: str) -> Answer:
    """Say one line of the script to a tool.

    `HERE` is a folder of its own, `IMAGE` the image's ID; `<<<` is a line on standard input, `<` a file.
    """
    words = [word.replace("HERE", str(here)).replace("IMAGE", image) for word in shlex.split(line)]
    stdin = b""
    if "<<<" in words[-2:]:
        stdin = f"{words[-1]}\n".encode()
    elif "<" in words[-2:]:
        stdin = Path(words[-1]).read_bytes()
    words = words[:-2] if stdin else words
    if words[0] in ("run", "create") and len(words) > 1:
        words.insert(1, "--network=none")
    done = tool.run(*words, stdin=stdin)
    is_tar = done.stdout[257:262] == b"ustar"
    out = listing(done.stdout) if is_tar else plain(done.stdout.decode(errors="replace"), here)
    if words[0] == "diff":
        out = "\n".join(sorted(out.splitlines()))  # docker goes folder by folder, in no order that it promises
    out = out.replace("of=base,a=b", "a=b,of=base")  # {{.Labels}} of docker is in any order
    return Answer(done.returncode, out, plain(done.stderr.decode(errors="replace"), here))


def plain(text: str, here: Path) -> str:
    text = text.replace(str(here), "HERE")
    for found, put in PLAIN:
        text = found.sub(put, text)
    return text.strip("\n")


def listing(data: bytes) -> str:
    """A tar on standard output, one line for each path; times are when the script ran."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        found = without_times(of_tar(Path(file.name)))
        return "\n".join(f"{path}: {entry}" for path, entry in sorted(found.items()))


def base(busybox: Path, folder: Path) -> Path:
    """An archive of the image that both run: busybox's tree, and some files to change."""
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    files: dict[str, Any] = {f"bin/{name}": Entry.symlink("busybox") for name in applets}
    files |= {
        "bin/busybox": Entry.file(busybox.read_bytes(), 0o755), "etc/passwd": PASSWD, "etc/group": GROUP,
        "dev": Entry.dir(), "proc": Entry.dir(), "sys": Entry.dir(), "tmp": Entry.dir(0o1777), "root": Entry.dir(0o700),
        "home/me": Entry.dir(uid=1000, gid=1000), "home/me/.profile": "", "srv/ready": Entry("fifo", 0o666),
        "srv/plain": "not a program\n", "srv/notrun": Entry.file(b"nor this\n", 0o755), "srv/moved": "moved\n",
        "srv/foreign": Entry.file(FOREIGN, 0o755), "srv/text": "text\n", "srv/folder/old": "old\n",
    }  # fmt: skip
    lab = Lab(folder / "made", epoch=1_600_000_000)
    image = lab.append(None, files)
    image = image.with_config(Env=["PATH=/usr/local/bin:/bin", "BASE=yes"], Cmd=["sh"], Labels={"of": "base"})
    lab.tag(image, "box:1")
    lab.save("box:1", folder / "base.tar")
    return folder / "base.tar"


def host_files(folder: Path) -> Path:
    """What there is outside to copy in: a folder, the same as a tar, and a file of variables."""
    (folder / "in" / "sub").mkdir(parents=True)
    (folder / "in" / "one").write_text("one\n")
    (folder / "in" / "sub" / "two").write_text("two\n")
    (folder / "in" / "link").symlink_to("sub/two")
    (folder / "in" / "one").chmod(0o640)
    with tarfile.open(folder / "in.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("from-tar"))
    (folder / "env").write_text("# a comment\nFROM_FILE=yes indeed\n\nA=overruled\n")
    (folder / "out").mkdir()
    return folder


@dataclass(frozen=True)
class Told:
    """Both answers to every line, and the folder of each."""

    lines: list[str]
    theirs: list[Answer]
    ours: list[Answer]
    folders: tuple[Path, Path]


@pytest.fixture(scope="module")
def told(docker: Tool, busybox: Path, bwrap: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The script, said to both at once."""
    folder = tmp_path_factory.mktemp("containers")
    archive = base(busybox, folder)
    lines = [line for line in re.sub(r" \\\n +", " ", SCRIPT).splitlines() if line and not line.startswith("#")]
    folders = host_files(folder / "theirs"), host_files(folder / "ours")
    imagelab = Ours(folder / "home")
    before = docker("ps", "--all", "--quiet").split()
    for tool in (docker, imagelab):
        tool("load", "--input", archive)
    image = docker("images", "--quiet", "box:1").strip()
    try:
        with ThreadPoolExecutor(2) as both:
            theirs = both.submit(lambda: [ask(docker, line, folders[0], image) for line in lines])
            ours = [ask(imagelab, line, folders[1], image) for line in lines]
            yield Told(lines, theirs.result(), ours, folders)
    finally:
        if left := set(docker("ps", "--all", "--quiet").split()) - set(before):
            docker("rm", "--force", *left)
        docker.run("rmi", "--force", "box:1")
        if left := imagelab("ps", "--all", "--quiet").split():
            imagelab("rm", "--force", *left)


def test_the_same_answers(told):
    wrong = []
    for line, theirs, ours in zip(told.lines, told.theirs, told.ours, strict=True):
        code, err, why = DIFFERENT.get(line, (0, "", ""))
        expected = Answer(code, "", err) if why else theirs
        if ours != expected:
            wrong.append(f"{line}\n  docker {theirs}\n  wanted {expected}\n  ours   {ours}")
        elif why and ours == theirs:
            wrong.append(f"{line}\n  is as docker's by now: it need not be in the table of differences")
    assert not wrong, f"{len(wrong)} of {len(told.lines)} lines\n" + "\n".join(wrong)


def test_the_script_is_long_and_its_differences_are_in_it(told):
    assert len(told.lines) >= 40
    assert not set(DIFFERENT) - set(told.lines)
    assert sum(answer.code == 0 for answer in told.ours) > 100


# In every container of Docker's: what it mounts its own files over.
MADE_BY_DOCKER = (
    ".dockerenv", "dev/console", "dev/pts", "dev/shm", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf",
)  # fmt: skip


@pytest.mark.parametrize("name", ["made", "web"])
def test_the_same_files_inside(told, name):
    """What `export` wrote: path, kind, mode, owner, size, link and content."""
    theirs, ours = (of_tar(folder / f"{name}.tar") for folder in told.folders)
    assert "tmp/kept" in ours or "srv/a/b/c" in ours
    for path in MADE_BY_DOCKER:
        del theirs[path]
    assert not differences(*map(without_times, (theirs, ours)))


def test_the_same_files_outside(told):
    """What `cp` brought out of containers."""
    theirs, ours = (of_disk(folder) for folder in told.folders)
    assert {"out/a/b/c", "out/b/b/c", "out/l", "renamed", "followed"} <= set(ours)
    for each in (theirs, ours):
        for name in ("made.tar", "web.tar", "cid"):  # compared by what they hold; an ID is another one each time
            del each[name]
    assert not differences(*map(without_times, (theirs, ours)))


def without_times(files: dict[str, Found]) -> dict[str, Found]:
    """The times are those of the script: what it wrote at one moment here was written at another one there."""
    return {path: entry._replace(mtime=0) for path, entry in files.items()}
