"""Dockerfiles of all kinds, each with its context, for two builders to build."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imagelab.filesystem.entry import Entry

LONG_AGO = 1_577_836_800  # when the files of every context were written: 2020-01-01


@dataclass(frozen=True)
class Case:
    """One Dockerfile and what it is built with.

    `theirs` is the same in words that an older Docker understands, where ours is in newer ones.
    """

    dockerfile: str | bytes
    files: Mapping[str, str | bytes | Entry] = field(default_factory=dict)
    args: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    theirs: str = ""
    secrets: Mapping[str, bytes] = field(default_factory=dict)


def tar_of(names: Mapping[str, str], mode: str = "w") -> bytes:
    """A tar with folders, files (owner 7:8, mode 0640) and a symlink."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]
        for name, text in names.items():
            info = tarfile.TarInfo(name.rstrip("/"))
            info.mtime, info.uid, info.gid, info.mode = LONG_AGO, 7, 8, 0o640
            if name.endswith("/"):
                info.type, info.mode = tarfile.DIRTYPE, 0o750
            elif text.startswith("-> "):
                info.type, info.linkname = tarfile.SYMTYPE, text[3:]
            info.size = len(text) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(text.encode()))
    return made.getvalue()


def write(case: Case, folder: Path) -> None:
    """The context on disk, modes and links as described, the Dockerfile in it."""
    dockerfile = case.dockerfile.encode() if isinstance(case.dockerfile, str) else case.dockerfile
    for path, value in {**case.files, "Dockerfile": dockerfile}.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        entry = value if isinstance(value, Entry) else Entry.file(value.encode() if isinstance(value, str) else value)
        if entry.kind == "dir":
            target.mkdir(exist_ok=True)
        elif entry.kind == "symlink":
            target.symlink_to(entry.link)
        else:
            target.write_bytes(entry.read())
        if entry.kind != "symlink":
            target.chmod(entry.mode)
    for path in sorted(folder.rglob("*"), reverse=True):
        os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)


TREE: dict[str, str | bytes | Entry] = {
    "app.py": "print(1)\n",
    "run.sh": Entry.file(b"#!/bin/sh\necho ran\n", 0o755),
    "secret": Entry.file(b"x", 0o600),
    "a b.txt": "spaces",
    "src/main.c": "int main;\n",
    "src/lib/one.c": "1\n",
    "src/lib/two.c": "22\n",
    "src/lib/two.h": "h\n",
    "src/empty": Entry.dir(),
    "src/locked": Entry.dir(0o700),
    "docs/read.md": "read\n",
    "docs/deep/er/note.md": "note\n",
    "log/x.log": "log\n",
    "log/keep.log": "keep\n",
    "link": Entry.symlink("app.py"),
    "dangling": Entry.symlink("nowhere/at/all"),
    "srclink": Entry.symlink("src"),
}
BASE = "FROM base:1\n"

CASES: dict[str, Case] = {
    "from a tag, nothing more": Case("FROM base:1"),
    "from scratch": Case('FROM scratch\nENV A=1\nCOPY app.py /\nWORKDIR x\nCMD ["/x"]\n', TREE),
    "args before and after FROM": Case(
        "ARG TAG=0\nARG WHO=nobody\nARG UNSET\nFROM base:${TAG} AS x\nARG WHO\nARG TAG=later\nARG MORE=${WHO}-${TAG}\n"
        "ARG UNSET\nENV SEEN=$WHO/$TAG/$MORE/${UNSET:-none}/${WHO:+set}\nRUN echo $WHO $MORE > /said\n",
        args={"TAG": "1", "WHO": "me"},
    ),
    "arg of several names": Case(BASE + "ARG A=1 B=2 C\nRUN echo $A $B $C > /said\n", args={"B": "3", "C": "c d"}),
    "env over arg": Case(BASE + "ARG A=arg\nENV A=env\nRUN echo $A > /said\nENV B=$A\n", args={"A": "given"}),
    "arg after env": Case(BASE + "ENV A=env\nARG A=arg\nRUN echo $A > /said\nENV B=$A\n", args={"A": "given"}),
    "predefined args": Case(
        BASE + 'RUN echo "$HTTP_PROXY" > /said\nARG NO_PROXY\nRUN echo "$NO_PROXY" >> /said\n',
        args={"HTTP_PROXY": "http://p", "NO_PROXY": "x"},
    ),
    "platform args": Case(BASE + "ARG TARGETOS\nARG TARGETARCH\nENV P=$TARGETOS/$TARGETARCH\nRUN echo $P > /said\n"),
    "env forms": Case(
        BASE + "ENV OLD some words here\nENV A=1 B=\"two words\" C=three\\ words D='sq $A' E=$OLD\nENV A=9 F=$A\n"
        'ENV EMPTY= PATH=/opt/bin:$PATH\nENV Q="say \\"hi\\"" T=\\$A\nENV X=${A:-d} Y=${NO:-d} Z=${A:+p}${NO:+p}\n'
        "ENV ABC=hello abc=bye def=$ABC\n"
    ),
    "workdirs": Case(
        BASE + "WORKDIR /a\nWORKDIR b/c\nWORKDIR ../d\nRUN pwd > here\nENV W=/env\nWORKDIR $W/x\nWORKDIR /\n"
        "WORKDIR tmp\n"
    ),
    "workdir of a user": Case(BASE + "USER me\nWORKDIR /home/me/app\nRUN id -u > who && pwd > here\n"),
    "workdir through a link": Case(BASE + "WORKDIR /srv/link/new\nRUN pwd > here\n"),
    "copy a file in five ways": Case(
        BASE + "COPY app.py /one\nCOPY app.py /dir/\nCOPY app.py relative\nWORKDIR /w\nCOPY app.py .\n"
        "COPY app.py deep/er/name.py\nCOPY ./src/../app.py ./dotted\n",
        TREE,
    ),
    "copy folders": Case(BASE + "COPY src /src\nCOPY src/ /deep/er/src/\nCOPY src/lib .\nCOPY . /all\n", TREE),
    "copy several and globs": Case(
        BASE + "COPY app.py run.sh secret /x/\nCOPY src/lib/*.c /c/\nCOPY s*c /s/\nCOPY src/lib/t?o.[ch] /q/\n"
        "COPY src/*/one.c /deep/\nCOPY doc* app* /mix/\n",
        TREE,
    ),
    "copy names with spaces": Case(BASE + 'COPY ["a b.txt", "/to a b/"]\nCOPY ["a b.txt", "/x y"]\n', TREE),
    "copy with an owner": Case(
        BASE + "COPY --chown=me app.py /1\nCOPY --chown=me:staff src /2\nCOPY --chown=1000 app.py /3\n"
        "COPY --chown=77:88 app.py /4/5/\nCOPY --chown=me:99 app.py /6\nUSER me\nCOPY app.py /7\nARG O=12\n"
        "COPY --chown=$O:$O app.py /8\nCOPY --chown=:88 app.py /9\n",
        TREE,
    ),
    "copy with a mode": Case(BASE + "COPY --chmod=600 src /s\nCOPY --chmod=0751 app.py /new/x\n", TREE),
    "copy from a stage": Case(
        "FROM base:1 AS first\nRUN mkdir -p /out/d && echo 1 > /out/a && echo 2 > /out/d/b && ln -s a /out/l "
        "&& chown -R 1000:50 /out && chmod 750 /out/d\nFROM base:1\nFROM scratch AS last\nCOPY --from=first /out /out\n"
        "COPY --from=0 /out/a out/d/b /flat/\nCOPY --from=first --chown=5:6 /out/d /owned\nCOPY --from=FIRST out/l /l\n"
    ),
    "copy from an image": Case("FROM scratch\nCOPY --from=base:1 /bin/busybox /etc/p* /b/\nCOPY --from=base:1 srv /\n"),
    "stages on stages": Case(
        "FROM base:1 AS a\nENV A=1\nRUN echo a > /a\nFROM a AS b\nENV B=$A\nRUN echo b > /b\nFROM b\n"
        "RUN cat /a /b > /c\n"
        "CMD cat /c\n"
    ),
    "stages named through variables": Case(
        "ARG MODE=dev\nARG S=one\nFROM base:1 AS run-dev\nENV A=dev\nFROM base:1 AS run-prod\nENV A=prod\n"
        "FROM nowhere:1 AS never\nFROM run-${MODE} AS one\nENV B=$A\nFROM ${X:-$S} AS two\nENV C=$B\n"
        "FROM $S AS three\nCOPY --from=two /etc/passwd /p\nENV D=$B\n",
        args={"MODE": "prod"},
    ),
    "platforms through variables": Case(
        "ARG P=linux/amd64\nFROM --platform=$P base:1 AS a\nFROM --platform=$BUILDPLATFORM a\nENV A=1\n"
    ),
    "a target in the middle": Case(
        "FROM base:1 AS a\nRUN echo a > /a\nFROM a AS Mid\nRUN echo m > /m\nFROM nowhere:1\nRUN false\n", target="mid"
    ),
    "dockerignore": Case(
        BASE + "COPY . /all\nCOPY log /log\nCOPY docs/ /docs\n",
        {
            **TREE,
            ".dockerignore": "# comment\n*.log\nlog/*\n!log/keep.log\n**/two.*\n!src/lib/two.h\n/docs/deep\nsecret \n"
            "!docs/deep/er/note.md\nDockerfile\n*/empty\n",
        },
    ),
    "dockerignore leaves out all but": Case(
        BASE + "COPY . /all\n", {**TREE, ".dockerignore": "*\n!src/lib\nsrc/lib/*.h\n!a b.txt\n"}
    ),
    "copy symlinks": Case(
        BASE + "COPY link /file\nCOPY link /dir/\nCOPY srclink /s\nCOPY srclink/lib /lib\nCOPY src* /both/\n"
        "COPY l*k /named/\n",
        TREE,
    ),
    "copy over what is there": Case(
        BASE + "RUN mkdir -p /x/lib && echo old > /x/main.c && echo other > /x/other && chmod 711 /x\nCOPY src /x\n"
        "COPY app.py /x/other\nCOPY app.py /x/lib\nCOPY app.py /srv/flink\n",
        TREE,
    ),
    "copy through the image's links": Case(
        BASE + "COPY app.py /srv/link/\nCOPY src /srv/link/src\nCOPY app.py /srv/out/f\nCOPY app.py /srv/link\n", TREE
    ),
    "copy onto the root": Case(BASE + "COPY src /\nCOPY src/lib /./\n", TREE),
    "copy leading dots": Case(BASE + "COPY ../app.py /1\nCOPY /src/lib/../main.c /2\nCOPY app.py ../../3\n", TREE),
    "copy a heredoc": Case(
        BASE + "ARG W=you\nCOPY <<EOF <<'RAW' /docs/\nhi $W \"q\" \\$W\nEOF\nplain $W\nRAW\nCOPY --chmod=755 <<-T /t\n"
        "\t\ttabbed\n\tT\n",
        theirs=BASE + "ARG W=you\nCOPY EOF RAW /docs/\nCOPY --chmod=755 t /t\n",
        files={"EOF": 'hi you "q" $W\n', "RAW": "plain $W\n", "t": "tabbed\n"},
    ),
    "copy without some": Case(
        BASE + "COPY --exclude=*.h --exclude=one.c src/lib /l\nCOPY --exclude=**/*.md . /all\n",
        {**TREE, ".dockerignore": "Dockerfile"},
        theirs=BASE + "COPY src/lib/two.c /l/\nCOPY . /all\nRUN rm /all/docs/read.md /all/docs/deep/er/note.md\n",
    ),
    "copy with variables in JSON form": Case(
        BASE + 'ARG F=app.py U=me\nENV D=/some S="a b"\nCOPY --chown=$U ["$F", "${S}.txt", "$D/${N:-x}/"]\n'
        'ADD ["$F", "/\\\\$F"]\nVOLUME ["$D/v", "/$S", "\'q $S\'"]\n'
        'COPY ["\'app.py\'", "/\\"x\\"/"]\nCMD ["$F"]\nENTRYPOINT ["/$F"]\nRUN ["touch", "/$F"]\n'
        'SHELL ["/bin/sh", "-$F"]\nHEALTHCHECK CMD ["$F"]\n',
        TREE,
    ),
    "copy what may be there": Case(
        BASE + "COPY app.py opt*.lock need[s].txt /1/\nCOPY opt* app.py /2\nCOPY [\"app.py\", \"zz?\", \"/3/\"]\n"
        "ADD app.py x[^a]z /4/\nCOPY --from=base:1 /etc/passwd /etc/zz* /5/\n",
        TREE,
    ),
    "copy by patterns": Case(
        BASE + "COPY [a-c]*.py /1/\nCOPY src/lib/[^a-o]*.c /2/\nCOPY srclink/m* /3/\nCOPY [\"a b.t[x]t\", \"/4/\"]\n"
        "COPY src/lib/t*.[ch] src/lib/one.c /5/\nCOPY --from=base:1 /srv/link/[x] /6/\n"
        "COPY ./s*c/l?b/o*c ../[r]un.* /7/\n",
        TREE,
    ),
    "copy onto links that lead nowhere": Case(
        BASE + "RUN ln -s nothing /srv/gone && ln -s none/deep /srv/far\n"
        "RUN mkdir /srv/in && ln -s ../nope /srv/in/app.py\n"
        "COPY app.py /srv/out\nCOPY src /srv/gone\nCOPY --chown=me app.py /srv/far/x/\nCOPY app.py run.sh /srv/in/\n"
        "RUN ln -s later /srv/l && ln -s work/d /srv/w\nCOPY --chown=7:8 app.py /srv/l\nUSER me\nWORKDIR /srv/w\n",
        TREE,
    ),
    "copy links over files and links": Case(
        BASE + "RUN mkdir -p /d/docs && echo 1 > /d/link && ln -s docs /d/dangling && ln -s /etc /d/app.py\n"
        "COPY . /d/\n",
        {**{path: TREE[path] for path in ("app.py", "link", "dangling")}, ".dockerignore": "Dockerfile\n"},
    ),
    "copy quoted words": Case(BASE + "COPY \"app.py\" '/x/'\nCOPY --from=\"base:1\" \"/etc\"/passwd /$A/\n", TREE),
    "copy from an empty image": Case(BASE + "COPY --from=scratch / /d\n"),
    "add like copy": Case(BASE + "ADD app.py /1\nADD src /2\nADD --chown=me:staff src/lib/*.c /3/\n", TREE),
    "add a tar": Case(
        BASE + "ADD t.tar /one/\nADD t.tgz /two\nADD t.tar app.py /three/\nCOPY t.tar /four/\nADD fake.tar /five/\n"
        "ADD data.gz /six/\nADD --chown=3:4 t.tar /seven\n",
        {
            "t.tar": tar_of({"d/": "", "d/f": "in tar", "d/l": "-> f", "top": "top\n"}),
            "t.tgz": tar_of({"z": "zipped", "e/": ""}, "w:gz"),
            "app.py": "1",
            "fake.tar": "no tar at all",
            "data.gz": __import__("gzip").compress(b"just data"),
        },
    ),
    "run makes, changes, removes": Case(
        BASE
        + "RUN mkdir -p /d/e && echo 1 > /d/e/f && echo 2 > /d/g && echo 3 > /h && mkdir /gone && echo x > /gone/y\n"
        "RUN echo more >> /d/g && rm /d/e/f && rm -r /gone && touch /d/e/new\nRUN rm /etc/group && rm -rf /d/e\n"
        "RUN rm /h && mkdir /h && echo in > /h/in\nRUN rm -r /h && echo file > /h\nRUN true\n"
    ),
    "run modes, owners, links": Case(
        BASE
        + "RUN echo 1 > /a && chmod 4711 /a && ln /a /b && ln -s /a /c && ln -s ./x/../y /d && mkfifo /f "
        "&& chmod 1777 /srv\n"
        "RUN chown 1000:50 /a && chown -h 5:6 /c && mkdir -m 700 /locked && chown me /locked && echo > /locked/x\n"
        "RUN chmod 600 /etc/passwd && echo more >> /b\nRUN rm /a && chmod 000 /b\n"
    ),
    "run in exec form": Case(
        BASE + 'RUN ["/bin/mkdir", "/a b", "/$HOME"]\nRUN ["sh", "-c", "echo $0 $1 > /said", "x", "y z"]\n'
    ),
    "run continued": Case(
        BASE
        + "RUN echo one > /said && \\\n    # a comment inside\n    echo two >> /said \\\n\n  && echo  'a  b' >> /said\n"
    ),
    "run a heredoc": Case(
        BASE + "ARG W=you\nRUN <<EOF\nset -e\necho $W > /said\nmkdir /made\nEOF\nRUN cat <<X > /x && echo after >> /x\n"
        "in $W\nX\n",
        theirs=BASE + 'ARG W=you\nRUN set -e; echo $W > /said; mkdir /made\nRUN printf "in you\\nafter\\n" > /x\n',
    ),
    "run with mounts": Case(
        "FROM base:1 AS made\nRUN mkdir -p /out/d && echo made > /out/d/x\nFROM base:1\n"
        "RUN mkdir -p /c /m /src && echo > /one\n"  # the judge leaves the directories that it makes for targets
        "RUN --mount=type=cache,target=/c echo 1 >> /c/log && cat /c/log > /log\n"
        "RUN --mount=type=cache,target=/home/me,id=/c cat /home/me/log > /log2; ls -a /home/me >> /log2\n"
        "WORKDIR /src\nRUN --mount=type=bind,target=. --mount=from=made,source=out/d,target=/m cat app.py /m/x > /all\n"
        "RUN --mount=source=app.py,target=/one --mount=type=tmpfs,target=/srv cp /one /srv/two && ls /srv > /ls\n"
        "RUN --mount=target=/etc,rw echo new > /etc/group && cat /etc/group > /tmp/group\n",
        TREE,
    ),
    "run with secrets": Case(
        BASE + "RUN mkdir -p /run/secrets\nRUN --mount=type=secret,id=a "
        "--mount=type=secret,id=b,dst=/root/.b,mode=0644,uid=1000 "
        "cat /run/secrets/a /root/.b | wc -c > /size && stat -c '%a %u %g' /run/secrets/a /root/.b > /modes\n"
        "RUN --mount=type=secret,id=none ls /run/secrets > /there\n"
        "USER me\nRUN --mount=type=secret,id=a cat /run/secrets/a 2> /tmp/denied || true\n",
        secrets={"a": b"1234", "b": b"567"},
    ),
    # newer BuildKits list inherited arguments in the history too, the judge's does not
    "arguments of a stage that is continued": Case(
        CONTINUED := "FROM base:1 AS first\nARG A=1\nARG B\nENV C=3\nFROM first AS second\n"
        "RUN echo a$A b$B c$C > /said\nARG B=2\nFROM second\nARG A\nRUN echo a$A b$B c$C > /said2\nENV D=$A$B\n",
        theirs=CONTINUED,
    ),
    "run as a user": Case(
        BASE + "USER me\nRUN id -u > /tmp/id && touch /tmp/mine && mkdir /tmp/dir && ln -s x /tmp/l\nUSER 33:44\n"
        "RUN id -u > /tmp/u && id -g > /tmp/g\nUSER me:staff\nRUN id -g > /tmp/g2\nUSER 1234\nRUN id -g > /tmp/g3\n"
        "USER root\nRUN echo > /tmp/roots && chown 9:9 /tmp/mine\n"
    ),
    "run sees its environment": Case(
        BASE + "ENV A=1\nARG B=2\nWORKDIR /tmp\nRUN echo $A$B $PATH $PWD $HOME > /said\nUSER me\n"
        "RUN echo $HOME > said\n"
    ),
    "run in another shell": Case(
        BASE + 'SHELL ["/bin/sh", "-e", "-c"]\nRUN echo 1 > /said\nCMD echo hi\nENTRYPOINT exec top\n'
        "HEALTHCHECK CMD true\n"
    ),
    "metadata": Case(
        BASE + 'LABEL a=1 b="two words" "c d"=e\nLABEL old style\nLABEL a=2\nLABEL multi="line1\\\nline2"\n'
        "EXPOSE 80 443/tcp 53/udp\n"
        'EXPOSE 8000-8002\nENV P=99\nEXPOSE $P\nVOLUME /data /more\nVOLUME ["/js on"]\nSTOPSIGNAL SIGINT\nUSER me\n'
        "MAINTAINER A B <a@b.c>\n",
        labels={"given": "on the line", "a": "3"},
    ),
    "cmd and entrypoint": Case('FROM base:1\nCMD ["a", "b c", "q\\"uote", "tab\\t", "ü"]\nENTRYPOINT ["/e"]\n'),
    "entrypoint resets cmd": Case('FROM base:1\nENTRYPOINT ["/e"]\n'),
    "entrypoint in shell form": Case("FROM base:1\nENTRYPOINT echo $A | cat\nCMD one two\n"),
    "cmd before entrypoint": Case('FROM base:1 AS x\nCMD ["x"]\nFROM x\nENTRYPOINT ["/e"]\n'),
    "empty cmd": Case("FROM base:1\nCMD []\nENTRYPOINT []\n"),
    "healthchecks": Case(
        BASE + "HEALTHCHECK NONE\nHEALTHCHECK --interval=1m30s --timeout=3s --start-period=500ms --retries=4 "
        'CMD ["wget", "x y"]\n'
    ),
    "healthcheck in shell form": Case(BASE + "HEALTHCHECK --timeout=1h CMD curl -f $X || exit 1\n"),
    "onbuild": Case(
        "FROM base:1 AS parent\nONBUILD COPY app.py /on/\nONBUILD RUN echo $A > /said\nONBUILD ENV Z=1\nENV A=here\n",
        TREE,
    ),
    "onbuild runs": Case("FROM on:1\nRUN cat /on/app.py >> /said\n", TREE),
    "escape": Case(
        "# escape=`\nFROM base:1\nRUN echo a > /x && `\n echo b >> /x\nENV A=`$A B=c:\\d\nCOPY app.py C:\\x\n", TREE
    ),
    "carriage returns": Case("FROM base:1\r\nENV A=1 \\\r\n  B=2\r\nRUN echo a > /x && \\\r\n  echo b >> /x\r\n"),
    "byte order mark": Case(b"\xef\xbb\xbfFROM base:1\nENV A=1\n", TREE),
    "words of all cases": Case(
        "from base:1 as One\nenv A=1\n"
        "FrOm scratch\ncopy --from=oNe /etc/passwd /p\n# comment\n   # indented\n  ENV B=2\n"
    ),
}
