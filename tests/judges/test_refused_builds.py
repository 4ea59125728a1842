"""What Docker does not build, imagelab does not build either, and says why in a sentence.

The judges are both builders of Docker 20.10: BuildKit, whose rules imagelab follows, and the classic one where the two
differ and imagelab follows that.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

import pytest

from imagelab import Entry, Lab
from imagelab.build.dockerfile import DockerfileError
from judges.dockerfiles import LONG_AGO, Case, write
from judges.tools import CommandLine

BASE = {
    "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
    "srv/real/x/old": "x", "srv/link": Entry.symlink("real"), "srv/gone": Entry.symlink("nowhere"), "srv/file": "f",
    "srv/loop": Entry.symlink("loop"), "srv/c/x": Entry.symlink("../real/x"), "srv/c/gone": Entry.symlink("nowhere"),
}  # fmt: skip
FILES = {
    "a": "a", "b": "b", "my file": "m", "dir/x/new": "n", "dir/f": "f", "gone/z": "z", "over/gone/z": "z",
    "flat/real": "f", "sub/link/g": "g", "links/real": Entry.symlink("zz"), "dangling": Entry.symlink("/etc/nothing"),
    "cdangling": Entry.symlink("nowhere"),
}  # fmt: skip


@dataclass(frozen=True)
class Refused:
    """A Dockerfile that is not built, and imagelab's reason; `classic` where only the classic builder agrees."""

    dockerfile: str
    why: str
    classic: bool = False


def after_from(text: str, why: str, *, classic: bool = False) -> Refused:
    return Refused(f"FROM refusing:1 AS first\n{text}\n", why, classic)


CASES = {
    "COPY --from of a variable": after_from(
        "FROM refusing:1\nARG S=first\nCOPY --from=$S /etc/passwd /x", "variables are not replaced in --from"
    ),
    "COPY --from of a variable in braces": after_from(
        "FROM refusing:1\nENV S=first\nCOPY --from=${S:-first} /etc/passwd /x", "variables are not replaced in --from"
    ),
    "COPY --from of its own stage": after_from("COPY --from=first /etc/passwd /x", "its own stage"),
    "COPY --from of a number too high": after_from("COPY --from=7 /etc/passwd /x", "there is no stage of that number"),
    "FROM of a number": after_from("FROM 0", "FROM finds a stage by its name only"),
    "FROM of a stage in capitals": after_from("FROM FIRST", "lower"),
    "FROM of nothing": Refused("FROM $NOPE\n", "should not be blank"),
    "FROM of nothing in a stage that is not needed": Refused("FROM $NOPE AS x\nFROM refusing:1\n", "not be blank"),
    "FROM of a variable of a stage": after_from("ARG B=refusing:1\nFROM $B", "should not be blank"),
    "FROM in single quotes": Refused("ARG V=1\nFROM 'refusing:$V'\n", "invalid reference format"),
    "a stage's name with a variable": Refused("ARG V=1\nFROM refusing:1 AS s$V\n", "is not a valid stage name"),
    "FROM for no platform": Refused("FROM --platform=$NOPE refusing:1\n", "empty platform value"),
    "FROM for a platform that is none": Refused("FROM --platform=moon refusing:1\n", "failed to parse platform 'moon'"),
    "FROM for another platform": Refused("FROM --platform=linux/s390x refusing:1\n", "is for linux/amd64"),
    "a name in quotes": after_from('COPY "my file" /x/', r'COPY \["my file", "/x/"\]'),
    "a name in single quotes": after_from("COPY 'my file' /x/", r'COPY \["my file", "/x/"\]'),
    "a space behind a backslash": after_from("COPY my\\ file /x/", r'COPY \["my file", "/x/"\]'),
    "a destination in quotes": after_from('ADD --chown=1 a "/x y/"', r'ADD --chown=1 \["a", "/x y/"\]'),
    "quotes in a word": after_from('COPY m"y f"ile /x/', r'COPY \["my file", "/x/"\]'),
    "no JSON": after_from('COPY ["my file" "/x/"]', "in JSON form"),
    "a variable that nobody closed": after_from('COPY ["${A", "/x/"]', "failed to process"),
    "a lone wildcard": after_from("COPY opt*.lock /x/", r"'opt\*.lock' is not in the context", classic=True),
    "two lone wildcards": after_from("ADD opt* need[s] /x/", "nothing matches", classic=True),
    "a wildcard beside what is not there": after_from("COPY opt* none /x/", "'none' is not in the context"),
    "a bad pattern": after_from("COPY a [a /x/", "without"),
    "a wildcard that finds a dangling link": after_from(
        "COPY cdang* /x/", "the symbolic link 'cdangling' leads to 'nowhere', which is not in it"
    ),
    "a wildcard that finds a dangling link and a file": after_from(
        "COPY [ad]* /x/", "the symbolic link 'dangling' leads to '/etc/nothing', which is not in it"
    ),
    "a folder onto a link in the folder": after_from(
        "COPY dir /srv/c", "cannot copy a directory onto /srv/c/x, which is a symbolic link"
    ),
    "a folder onto a link by its folder": after_from("COPY sub /srv/", "onto /srv/link, which is a symbolic link"),
    "a folder onto a dangling link": after_from("COPY over /srv/c/", "onto /srv/c/gone, which is a symbolic link"),
    "a folder onto a link by a wildcard": after_from("COPY di[r] /srv/c/", "onto /srv/c/x, which is a symbolic link"),
    "a folder onto a file": after_from("COPY dir /srv/file", "onto /srv/file, which is a file"),
    "a file onto a folder": after_from("COPY flat /srv", "cannot copy a file onto /srv/real, which is a directory"),
    "a link onto a folder": after_from("COPY links /srv/", "cannot copy a symbolic link onto /srv/real"),
    "a file through a file": after_from("COPY a /srv/file/x/y", "is a file, not a directory"),
    "a file into a file": after_from("COPY a /srv/file/", "is a file, not a directory"),
    "through a loop": after_from("COPY a /srv/loop/x", "a loop"),
    "WORKDIR of a file": after_from("WORKDIR /srv/file", "not a directory"),
    "STOPSIGNAL of none": after_from("STOPSIGNAL SIGNOPE", "invalid signal: 'SIGNOPE'"),
    "VOLUME of nothing": after_from('VOLUME ["$NOPE"]', "a volume needs a path"),
    "EXPOSE of no port": after_from("EXPOSE 65536", "invalid containerPort"),
}


@pytest.fixture(scope="module")
def lab(docker, tmp_path_factory) -> Lab:
    """A lab with the image that the cases start from, which Docker has too."""
    folder = tmp_path_factory.mktemp("refusing")
    made = Lab(folder / "home", epoch=LONG_AGO)
    made.append(None, BASE, "refusing:1")
    made.save("refusing:1", folder / "base.tar")
    docker("load", "--input", folder / "base.tar")
    return made


@pytest.mark.parametrize("name", CASES)
def test_docker_refuses_it_too(docker, lab, name, tmp_path):
    case = CASES[name]
    folder = tmp_path / "context"
    folder.mkdir()
    write(Case(case.dockerfile, FILES), folder)
    command = [*docker.command, "build", "--network", "none", "--no-cache", folder]
    env = {"DOCKER_BUILDKIT": "0" if case.classic else "1", "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=env, capture_output=True, timeout=300)
    assert done.returncode != 0, done.stdout.decode()
    before = lab.store.index.images()
    with pytest.raises(DockerfileError, match=rf"^Dockerfile:\d+: [A-Z]+: .*{case.why}") as error:
        lab.build(folder)
    assert "\n" not in str(error.value)
    assert not [image for image in lab.store.index.images() if image not in before and lab.store.image(image).names]


def test_docker_refuses_a_file_as_the_context(docker, tmp_path):
    imagelab = CommandLine("imagelab", "--home", tmp_path / "home")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    words = f"unable to prepare context: context must be a directory: {tmp_path}/Dockerfile"
    for arguments in (["build", tmp_path / "Dockerfile"], ["build", "-q", tmp_path / "Dockerfile"]):
        theirs, ours = docker.run(*arguments), imagelab.run(*arguments)
        assert theirs.returncode and ours.returncode
        assert words in theirs.stderr.decode()
        assert ours.stderr.decode().startswith(words)
        assert ours.stdout == theirs.stdout == b""
