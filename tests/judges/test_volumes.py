"""Volumes and mounts: one script to Docker Engine and to imagelab, on one image: the same words, codes and files.

Left out, since the Docker of the tests (20.10) has other words or rules than those since 23 or than imagelab:
`volume prune` without -a (20.10 removes named volumes too), `-v ./x:/y` (a path since 23), what runc says of a file
that is mounted on a directory, and the file system and the size of a tmpfs (a folder here).
"""

from __future__ import annotations

import re
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imagelab import Entry, Lab
from judges.tools import CommandLine, Tool

NAMES = ("sh", "ls", "cat", "touch", "mkdir", "rm", "echo", "true", "id", "stat", "mv", "ln")
SCRIPT = r"""
# Made, listed, removed
volume create one
volume create one
volume create --label a=b --label c two
volume create --name v10
volume create --name v9 v8
volume create x
volume create bad/name
volume create --driver nope three
volume ls
volume ls --quiet --filter name=v
volume ls --filter label=a=b
volume ls --filter dangling=true --quiet
volume ls --format '{{.Name}}|{{.Driver}}|{{.Scope}}|{{.Labels}}|{{.Size}}|{{.Links}}'
volume ls --format 'table {{.Name}}\t{{.Mountpoint}}'
volume inspect --format '{{.Name}} {{.Scope}} {{.Labels}} {{.Options}} {{.Mountpoint}}' two one
volume inspect one nope
inspect --type volume two
inspect --format '{{.Driver}}' two
volume rm v10 nope
volume rm --force nope
volume rm

# A volume outlives containers, and begins with the image's files
run --rm -v data:/srv box:1 sh -c 'cat /srv/f; stat -c "%a %u:%g" /srv /srv/f; echo kept > /srv/g'
run --rm -v data:/x/y:ro box:1 sh -c 'ls /x/y; cat /x/y/g; touch /x/y/h'
run --rm --mount source=empty,target=/srv,volume-nocopy box:1 ls /srv
run --rm -v HERE/host:/h:ro -v HERE/host/f:/one box:1 sh -c 'cat /h/f /one; echo new > /one; touch /h/n; rm /one'
run --rm -v HERE/made/deep:/h box:1 touch /h/here
run --rm --tmpfs /t:mode=750,size=1m --tmpfs /u box:1 sh -c 'stat -c "%a %u:%g" /t /u; touch /t/x; ls /t'
run --rm --mount type=tmpfs,target=/t,readonly box:1 touch /t/x
run --rm --read-only -v data:/srv --tmpfs /tmp box:1 sh -c 'touch /n; touch /srv/n /tmp/n; mkdir /etc/d; ls /srv'
run --rm -v data:/out/deep box:1 sh -c 'ls /tmp; ls /out/deep'
run --rm -v /app/sub -v HERE/host:/app box:1 sh -c 'touch /app/sub/x; ls /app /app/sub; mv /app/sub /y; rm -r /app/sub'
run --rm -v a1:/a -v b1:/b box:1 sh -c 'echo x > /a/f; mv /a/f /b/f; ln /b/f /a/f; ls /a /b'
volume ls --quiet

# What a container has of it
run --name first -v data:/srv -v HERE/host:/h:ro -v /new/deep --tmpfs /t box:1 sh -c 'touch /new/deep/x /srv/x /own'
diff first
inspect --format '{{json .HostConfig.Binds}} {{json .HostConfig.Tmpfs}} {{json .HostConfig.Mounts}}' first
inspect --format '{{json .Config.Volumes}} {{.HostConfig.ReadonlyRootfs}}' first
inspect --format '{{range .Mounts}}{{println .Type .Driver .Destination .Mode .RW .Propagation}}{{end}}' first
create --name second --volumes-from first:ro --mount type=tmpfs,target=/m,tmpfs-size=1m box:1 touch /srv/no
inspect --format '{{json .HostConfig.VolumesFrom}} {{json .HostConfig.Mounts}}' second
start --attach second
ps --all --filter volume=data --format '{{.Names}} {{.LocalVolumes}}'
ps --all --filter volume=/new/deep --format '{{.Names}}'
volume rm data
volume rm --force data
commit first of-first:1
inspect --format '{{json .Config.Volumes}}' of-first:1
run --rm of-first:1 ls /srv /new/deep
cp first:/srv/g HERE/out-g
cp first:/new HERE/out-new
cp HERE/host/f first:/srv/copied
cp HERE/host/f first:/h/copied
run --rm -v data:/x box:1 ls /x
create --name locked --read-only -v data:/x box:1
cp HERE/host/f locked:/f
cp HERE/host/f locked:/x/again
rm -v first
rm -v second locked
volume ls --quiet

# VOLUMEs of an image
run --rm declared:1 sh -c 'ls /srv /logs; touch /logs/x'
run --name kept declared:1 true
run --name other -v data:/srv declared:1 true
inspect --format '{{len .Mounts}} {{json .Config.Volumes}}' kept
rm kept
rm --volumes other
run --rm -v vol:/one box:1 true

# Mistakes
run --rm -v rel/path:/x box:1 true
run --rm -v '~/x:/x' box:1 true
run --rm -v vol:rel box:1 true
run --rm -v vol:/ box:1 true
run --rm -v vol: box:1 true
run --rm -v vol:/x:rx box:1 true
run --rm -v vol:/x:ro,rw box:1 true
run --rm -v HERE/host:/x:nocopy box:1 true
run --rm -v vol:/x:rprivate box:1 true
run --rm -v a:b:c:d box:1 true
run --rm -v one:/x -v two:/x/ box:1 true
run --rm -v one:/x --tmpfs /x box:1 true
run --rm -v one:/x --mount type=volume,target=/x box:1 true
run --rm -v 'bad*name:/x' box:1 true
run --rm --tmpfs rel box:1 true
run --rm --tmpfs / box:1 true
run --rm --mount type=bind,source=HERE/nope,target=/x box:1 true
run --rm --mount type=bind,target=/x box:1 true
run --rm --mount type=bind,source=rel,target=/x box:1 true
run --rm --mount type=bind,source=/tmp box:1 true
run --rm --mount type=bogus,source=/tmp,target=/x box:1 true
run --rm --mount type=volume,source=/abs,target=/x box:1 true
run --rm --mount type=volume,source=a,target=/x box:1 true
run --rm --mount type=tmpfs,source=x,target=/x box:1 true
run --rm --mount type=tmpfs,target=/x,tmpfs-mode=9 box:1 true
run --rm --mount foo box:1 true
run --rm --mount foo=bar box:1 true
run --rm --mount type=bind,source=/tmp,target=/x,readonly=maybe box:1 true
run --rm --mount type=bind,source=/tmp,target=/x,volume-nocopy box:1 true
run --rm --mount type=volume,source=v,target=/x,bind-propagation=private box:1 true
run --rm --mount '' box:1 true
run --rm --volumes-from nope box:1 true
run --rm --volumes-from '' box:1 true
run --rm --volumes-from a:bogus box:1 true
volume ls --filter dangling=maybe
volume nope
"""
DIFFERENT = {  # only the exit codes are the same
    "run --rm -v vol:/one box:1 true": "Docker names the folder that its storage driver has for the container",
    "volume nope": "click's help",
    "volume rm": "the name of the program",
    "volume create --driver nope three": "",
    "volume ls --filter dangling=maybe": "imagelab says what was expected",
}


@pytest.fixture(scope="module")
def sides(docker, busybox, bwrap, root, tmp_path_factory) -> dict[str, tuple[Tool, Path]]:
    """Docker and imagelab, each with the images and with a folder of the host of its own."""
    made = {}
    home = tmp_path_factory.mktemp("volumes")
    lab = Lab(home / "made", current=False)
    files = {f"bin/{name}": Entry.symlink("busybox") for name in NAMES}
    files |= {"bin/busybox": Entry.file(busybox.read_bytes(), 0o755), "tmp": Entry.dir(0o1777), "one": "a file\n"}
    files |= {"srv": Entry.dir(0o751, uid=7, gid=8), "srv/f": "of the image\n", "out": Entry.symlink("../../../../tmp")}
    files |= {"etc": Entry.dir(), "proc": Entry.dir(), "dev": Entry.dir(), "sys": Entry.dir()}
    box = lab.append(None, files).with_config(Env=["PATH=/bin"], Cmd=["true"])
    lab.tag(box, "box:1")
    lab.tag(box.with_config(Volumes={"/srv": {}, "/logs": {}}), "declared:1")
    lab.save(["box:1", "declared:1"], home / "images.tar")
    for name, tool in (("docker", docker), ("imagelab", CommandLine("imagelab", "--home", home / "home"))):
        tool("load", "--input", home / "images.tar")
        folder = home / name
        (folder / "host").mkdir(parents=True)
        (folder / "host/f").write_text("of the host\n")
        made[name] = tool, folder
    return made


def answers(tool: Tool, folder: Path) -> list[tuple[int, str, str]]:
    said = []
    for line in lines():
        done = tool.run(*shlex.split(line.replace("HERE", str(folder))))
        said.append((done.returncode, *(plain(text.decode(), folder) for text in (done.stdout, done.stderr))))
    return said


def lines() -> list[str]:
    return [line for line in SCRIPT.splitlines() if line and not line.startswith("#")]


def plain(text: str, folder: Path) -> str:
    """What is compared: without names that are random, folders of the two, and the client's frame around an error."""
    text = re.sub(r"\n*(See|Run) '(docker|imagelab) .*\n*", "\n", text.replace(str(folder), "HERE"))
    text = text.replace("Error response from daemon: ", "").replace("Error: ", "")
    text = re.sub("^(docker|imagelab): ", "", text)
    text = re.sub(r"[0-9a-f]{64}", "ID", text)
    text = re.sub(r'/[^ \t"]*/volumes/', "/volumes/", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    text = text.replace("c=,a=b", "a=b,c=")  # docker prints labels in any order
    text = re.sub(r"MOUNTPOINT *\n", "MOUNTPOINT\n", text)
    return re.sub(r"\.?\n*$", "", text)


def test_the_same_words_and_files(sides):
    with ThreadPoolExecutor() as both:
        theirs, ours = both.map(lambda side: answers(*side), sides.values())
    different = []
    for line, docker, imagelab in zip(lines(), theirs, ours, strict=True):
        end = 1 if line in DIFFERENT else 3
        if line.startswith("diff ") or "range .Mounts" in line or ".Binds" in line:  # in another order each time
            pairs = (docker, imagelab)
            docker, imagelab = ((code, sorted(re.split(r"[\n,\[\]]", out)), err) for code, out, err in pairs)
        if docker[:end] != imagelab[:end]:
            different.append(f"{line}\n  docker   {docker}\n  imagelab {imagelab}")
    assert not different, "\n".join(different)
    here, there = (folder for _, folder in sides.values())
    for path in ("host/f", "made/deep/here", "out-g", "out-new/deep/x"):
        assert (here / path).read_bytes() == (there / path).read_bytes()
    assert sorted(path.name for path in here.rglob("*")) == sorted(path.name for path in there.rglob("*"))
