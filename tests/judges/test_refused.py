"""What Docker refuses, imagelab refuses with the same exit code: flags, arguments, names, programs."""

from __future__ import annotations

import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imagelab import Entry, Lab
from judges.tools import CommandLine, Tool

SCRIPT = r"""
run
run --nope refused:1
run -Z refused:1
run --env
run --rm=maybe refused:1 true
run --name
run -e =x refused:1 true
run --label =x refused:1 true
run --env-file /no-such refused:1 true
run --workdir rel refused:1 true
run --entrypoint "" refused:1
run nosuch:1 true
run UPPER true
run -u ghost refused:1 true
run -u 1:ghost refused:1 true
run --name made refused:1 true
run --name 'a b' refused:1 true
run --stop-signal NOPE refused:1 true
run --hostname a_b refused:1 true
run --platform nope/no-such/no-such/no-such refused:1 true
run -m 1 refused:1 true
run -p x refused:1 true
run -v x:y:z:w refused:1 true
create
create --nope refused:1
create --env
create UPPER
create nosuch:1
create --name made refused:1
create --workdir rel refused:1 true
create -e =x refused:1 true
ps x
ps --nope
ps -n x
ps --filter x
ps --filter x=y
ps --filter status=y
ps --format '{{.Nope}}'
ps --format '{{'
ps --last
images a b
images --nope
images --filter x
images --filter x=y
images --filter dangling=maybe
images --format '{{.Nope}}'
images --format '{{'
history
history a b
history nosuch
history --nope refused:1
history --format '{{' refused:1
history --human=maybe refused:1
tag
tag refused:1
tag nosuch x
tag refused:1 UPPER
tag --nope refused:1 x
rmi
rmi nosuch
rmi --nope refused:1
rmi UPPER
image
image ls --nope
image prune --nope
image prune --filter x
image prune --filter x=y -f
image inspect
image inspect nosuch
image rm
image rm nosuch
inspect
inspect nosuch
inspect --type nope refused:1
inspect --format '{{' refused:1
inspect --format '{{.Nope}}' refused:1
inspect --nope refused:1
inspect --type container refused:1
container
container ls --nope
container prune --nope
container prune x
container prune --filter x=y -f
container inspect
container inspect nosuch
save
save nosuch
save --nope refused:1
save -o /no-such/x refused:1
save -o /tmp refused:1
load --nope
load x
load -i /no-such
load -i /tmp
load -i /etc/passwd
import
import --nope x
import /no-such
import /etc/passwd
import HERE/root.tar UPPER
import -c 'NOPE x' HERE/root.tar
start
start nosuch
start --nope made
start -a made nosuch
stop
stop nosuch
stop -t x web
stop --nope web
kill
kill nosuch
kill made
kill -s NOPE web
kill -s 65 web
kill --nope web
wait
wait --nope made
rm
rm nosuch
rm --nope made
rm -f nosuch
logs
logs nosuch
logs a b
logs --nope made
logs --since x made
logs --tail x made
logs --until x made
exec
exec web
exec nosuch true
exec made true
exec --nope web true
exec -e =x web true
exec -w rel web true
exec -w /nothere web true
exec web nothere
exec web ''
exec --env-file /no-such web true
exec -u ghost web true
diff
diff nosuch
diff a b
diff --nope made
commit
commit nosuch
commit made UPPER
commit made a b c
commit --nope made
commit -c 'NOPE x' made
commit -c 'RUN x' made
cp
cp a
cp --nope a b
export
export nosuch
export a b
export --nope made
export -o /no-such/x made
export -o /tmp made
version x
version --nope
version --format '{{'
info x
info --nope
info --format '{{'
system
system df x
system df --nope
system df --format '{{'
--nope
--nope run
build
build --nope .
build /no-such
build -f /no-such HERE/context
build -t UPPER HERE/context
build HERE/context extra
build --build-arg
build --target nope HERE/context
build --label
image nope
container nope
system nope
nope
kill --signal 0 web
rm web
kill --signal '' web
exec web /etc/passwd
exec web /srv/runs/
run refused:1 /srv/runs/
run refused:1 /srv/loop
run refused:1 nothere
run refused:1 /srv/plain
run refused:1 /srv
run refused:1 /
run -u 1000 refused:1 /srv/for-root
run -u 1000 refused:1 /srv/locked/runs
run -w /srv/plain refused:1 true
run -w /srv/plain/x refused:1 true
run -w /srv/loop refused:1 true
run -w /srv/dangling refused:1 /srv/runs
run -w /srv/../a/./b refused:1 /srv/runs
run refused:1 /srv/text
run refused:1 /srv/no-loader
run -u 1000 -w /srv/locked refused:1 /srv/runs
inspect --format '{{.State.ExitCode}}' failed
start --attach failed
"""
_KERNEL = "Docker starts it, and the kernel's refusal is the exit code 1 (255 since runc 1.2); we look first"
DIFFERENT = {  # the line: Docker's exit code, ours, and why
    "exec web nothere": (126, 127, "Docker 28 says 127 too"),
    "exec web ''": (126, 127, "Docker 28 says 127 too"),
    "exec -u ghost web true": (126, 125, "a flag that imagelab does not have"),
    "run refused:1 /srv/text": (1, 126, _KERNEL),
    "run refused:1 /srv/no-loader": (1, 127, _KERNEL),
    "run -u 1000 -w /srv/locked refused:1 /srv/runs": (
        0, 126, "runc enters the directory as root first; bubblewrap as the user, as runc did before 1.1",
    ),
}  # fmt: skip
RUN = b"#!/bin/sh\necho ran\n"


@pytest.fixture(scope="module")
def codes(
    docker: Tool, busybox: Path, bwrap: None, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[str, list[int]]]:  # fmt: skip
    """Every line, and both exit codes."""
    folder = tmp_path_factory.mktemp("refused")
    names = ("sh", "echo", "sleep", "true")
    files: dict[str, Entry | str] = {f"bin/{name}": Entry.symlink("busybox") for name in names}
    files |= {
        "bin/busybox": Entry.file(busybox.read_bytes(), 0o755), "etc/passwd": "root:x:0:0::/:/bin/sh\n",
        "srv/runs": Entry.file(RUN, 0o755), "srv/for-root": Entry.file(RUN, 0o700), "srv/plain": Entry.file(RUN, 0o644),
        "srv/loop": Entry.symlink("loop"), "srv/dangling": Entry.symlink("gone"), "srv/locked": Entry.dir(0o700),
        "srv/locked/runs": Entry.file(RUN, 0o755), "srv/text": Entry.file(b"text\n", 0o755),
        "srv/no-loader": Entry.file(b"#!/no/interpreter\n", 0o755),
    }  # fmt: skip
    lab = Lab(folder / "made", epoch=1_600_000_000)
    lab.tag(lab.append(None, files).with_config(Env=["PATH=/bin"]), "refused:1")
    lab.save("refused:1", folder / "image.tar")
    lab.create("refused:1", "true", name="root").export(folder / "root.tar")
    (folder / "context").mkdir()
    (folder / "context" / "Dockerfile").write_text("FROM refused:1\n")
    with ThreadPoolExecutor(1) as other:
        theirs = other.submit(ask_all, docker, folder)
        ours = ask_all(CommandLine("imagelab", "--home", folder / "home"), folder)
        answers = zip(theirs.result(), ours, strict=True)
    return [(line, list(pair)) for line, pair in zip(SCRIPT.strip().splitlines(), answers, strict=True)]


def ask_all(tool: Tool, folder: Path) -> list[int]:
    tool("load", "--input", folder / "image.tar")
    try:
        tool("create", "--network=none", "--name", "made", "refused:1", "true")
        tool("create", "--network=none", "--name", "failed", "refused:1", "/srv/loop")
        tool("run", "--detach", "--network=none", "--name", "web", "refused:1", "sleep", "1000")
        return [ask(tool, line, folder) for line in SCRIPT.strip().splitlines()]
    finally:
        if mine := tool("ps", "--all", "--quiet", "--filter", "ancestor=refused:1").split():
            tool("rm", "--force", *mine)
        tool.run("rmi", "--force", "refused:1")


def ask(tool: Tool, line: str, folder: Path) -> int:
    words = shlex.split(line.replace("HERE", str(folder)))
    if words[:1] in (["run"], ["create"]) and len(words) > 1:
        words[1:1] = ["--network=none"]
    return tool.run(*words).returncode


def test_the_same_exit_codes(codes):
    wrong = []
    for line, found in codes:
        expected = [*DIFFERENT[line][:2]] if line in DIFFERENT else [found[0], found[0]]
        if found != expected:
            wrong.append(f"{line}: docker {found[0]}, ours {found[1]}, wanted {expected}")
    assert not wrong, "\n".join(wrong)


def test_the_script_refuses_in_many_ways(codes):
    assert not DIFFERENT.keys() - {line for line, _ in codes}
    assert len(codes) > 180
    assert {126, 127, 125, 1, 64} <= {found[1] for _, found in codes}
