r"""The shell of the base image beside busybox: what Dockerfiles and lessons say has the same output, code and files.

Each script runs twice, in busybox under bubblewrap and in the shell base image, on folders with the same files. What is
compared: standard output, the exit code, the files afterwards with their types, modes and contents, and whether
something was said on standard error. DIFFERENT lists every script here that the shell answers in another way, and why.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from imagelab.runtime.program import Program, Streams, named

SCRIPTS = r"""
# links are text
ln -s /usr/bin/x /bin/x; readlink /bin/x
ln -s ../../../.. up; readlink up; ls up | grep -c etc
ln -s nowhere dangling; cat dangling; echo $?; ls dangling; [ -e dangling ] || echo none; [ -L dangling ] && echo link
ln -s /etc/passwd p; cat p
ln -s a l; ln -sf b l; readlink l
ln -s a l; ln -s b l
ln file hard; echo more >> hard; cat file
ln -s folder d; echo new > d/new; ls folder
ln -s folder d; ln -sfn other d; readlink d
ln -s folder d; ln -s file d; ls folder
ln gone hard
ln folder hard
ln -s loop loop; cat loop
ln -s b a; ln -s a b; cat a; ls -l a | cut -d' ' -f1
ln -s /srv/folder d; cd d; pwd; pwd -P
ln -s folder d; rm d; ls
ln -s nowhere d; ls -d d; ls -F d; ls -p d; ls -1 d; ls; ls -L d
ln -s folder d; ls -d d; ls -F d; ls -ld d | cut -c1-10; ls -p d; ls d; ls d/; ls -H d; ls -p
ln -s folder d; rm -r d/; ls folder
ln -s folder d; cp -r d e; ls e
ln -s folder d; cp -a d e; readlink e
ln -s file l; cp l copy; [ -L copy ] || cat copy
ln -s file l; mv l m; readlink m; cat file
ln -s file l; echo changed > l; cat file; readlink l
ln -s new l; echo made > l; cat new
ln -s /no/folder/new l; echo made > l
readlink -f folder/../file
realpath folder/deep/../../file

# removing
rm file; ls
rm gone
rm -f gone
rm folder
rm -r folder; ls
rm -rf folder other nothere; ls
rmdir folder
rmdir other; ls
rm -rf .
rm -rf ..
rm -rf /; echo $?
rm -r folder/deep file; ls folder
rm folder/*; ls folder
unlink file; ls

# making
mkdir a; stat -c '%a %F' a
mkdir a/b/c
mkdir -p a/b/c; find a
mkdir -p folder
mkdir folder
mkdir -m 700 a; stat -c %a a
mkdir -p -m 700 a/b; stat -c %a a a/b
umask 077; mkdir a; echo x > f; stat -c %a a f
umask
umask 027; umask
touch a; stat -c '%s %a' a
touch folder/x/y
touch -c a; ls
touch -d '2020-01-02 03:04:05' file; stat -c %Y file
mkfifo pipe; stat -c %F pipe
truncate -s 5 file; cat file
truncate -s 100 new; wc -c < new

# moving and copying
cp file copy; cat copy; stat -c %a copy
cp -p run copy; stat -c %a copy
cp file gone/copy
cp file folder; ls folder
cp gone x
cp folder x
cp -r folder x; find x | sort
cp -r folder/. x; find x | sort
cp file run folder; ls folder
cp file run x
cp file file
cp -a folder x; find x | sort
mv file x; ls
mv file folder; ls folder
mv file run folder/; ls folder
mv gone x
mv folder other; ls other
mv -f run file; cat file
mv folder folder/deep
cp -r folder folder/deep
install -d a/b; ls a

# modes and owners
chmod 600 file; stat -c %a file
chmod +x file; stat -c %a file
chmod u=rw,go= file; stat -c %A file
chmod -R go-rx folder; stat -c %a folder folder/deep folder/one
chmod 4755 run; ls -l run | cut -c1-10
chmod 1777 folder; ls -ld folder | cut -c1-10
chmod 600 gone
chmod bad file
chmod a+X folder file; stat -c %a folder file
chown 1000:1000 file; stat -c '%u:%g' file
chown me file; stat -c '%U' file
chown me:staff file; stat -c '%U:%G' file
chown -R 5:6 folder; stat -c '%u:%g' folder/deep
chown nobodyknows file
chgrp staff file; stat -c %g file
chown :7 file; stat -c '%u:%g' file
id
id -u; id -g; id -un; id -gn
id me
id nobodyknows
whoami
groups

# limits are those that are set
i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo $i
f() { [ $1 -eq 0 ] || f $(($1 - 1)); }; f 15; echo deep
head -c 1048577 /dev/zero | wc -c
head -c 3000000 /dev/zero > big; wc -c < big
dd if=/dev/zero of=big bs=1M count=12 2>/dev/null; wc -c < big
dd if=/dev/zero bs=1k count=3 2>/dev/null | wc -c
cat /dev/null; echo $?
echo x > /dev/null; echo $?
echo x > /dev/full; echo $?
head -c 10 /dev/urandom | wc -c
yes | head -3
yes no | head -n 2
seq 100000 | tail -1
seq 1 2 9
seq -s, 3
seq 200000 | wc -l
cat /dev/zero | head -c 5 | wc -c
tail -c 4 file
tail -n +2 lines
head -n -1 lines
sleep 0.01; echo slept

# reading and writing
cat file run
cat gone file
cat < gone
cat folder
cat -n lines
echo a > new; echo b >> new; cat new
echo a > folder
echo a > gone/x
: > file; wc -c < file
printf 'a\nb' > new; wc -l < new
printf '%s-%03d\n' x 7
printf '\101\n'
cat <<'X'
cat <<X | tr a-z A-Z
{ echo a; echo b; } > new; cat new
(cd folder; pwd); pwd
exec 3> new; echo x >&3; cat new
echo out; echo err >&2
echo both > new 2>&1; cat new
cat file - < run
wc lines
wc -l file lines
sort -r lines
sort -u lines lines
uniq lines
cut -d: -f1 /etc/passwd
grep -c root /etc/passwd
grep nothing file
grep -q root /etc/passwd
grep -rl one . | sort
sed -i 's/two/2/' lines; cat lines
sed -n 2p lines
tr a-z A-Z < lines
awk '{print $1}' lines
basename /a/b.txt .txt; dirname /a/b.txt
tee new < file; cat new
find . -type f | sort
find . -name 'o*' | sort
find folder -type d -exec echo {} \;
xargs echo < lines
ls
ls -a folder
ls -1 folder file
ls gone
ls -d folder
ls -l file | cut -c1-10
stat -c '%n %s %F' file folder
[ -f file ] && [ -d folder ] && [ ! -e gone ] && [ -x run ] && [ -s file ]; echo $?
test -w file; echo $?
md5sum file
sha256sum file
tar -cf a.tar folder; tar -tf a.tar | sort
tar -czf a.tgz folder && rm -r folder && tar -xzf a.tgz && find folder | sort
tar -cf - folder | tar -xf - -C other; find other | sort
tar -xf gone.tar
gzip file; ls; gunzip file.gz; cat file
du -s gone

# the language
a=1; b=$a$a; echo $b ${a:-x} ${c:-y} ${c:=z} $c ${#b}
x=/a/b.tar.gz; echo ${x##*/} ${x%.*} ${x%%.*} ${x#/}
for i in 1 2 3; do echo $i; done
for f in *; do echo $f; done
case abc in a*) echo starts;; *) echo other;; esac
if true; then echo yes; else echo no; fi
i=3; while [ $i -gt 0 ]; do echo $i; i=$((i-1)); done
until false; do echo once; break; done
f() { echo $1 $#; return 3; }; f a b; echo $?
set -e; false; echo never
set -e; false || true; echo on
set -u; echo $nothing; echo never
set -x; echo traced
false; echo $?
true && false || echo or
! true; echo $?
exit 7
(exit 5); echo $?
nosuchcommand
nosuchcommand || echo $?
./notrun
./script
. ./script
sh -c 'echo $0 $1' name arg
eval 'echo evaluated'
echo "$(echo a; echo b)"
echo `echo c`
echo $((2 * 3 + 1)) $((7 / 2)) $((7 % 3))
echo a b | while read x y; do echo $y $x; done
IFS=:; read a b < /etc/passwd; echo $a
set -- one two; echo $# $2; shift; echo $1
trap 'echo bye' EXIT; echo hi
export A=b; sh -c 'echo $A'
A=b sh -c 'echo $A'
unset HOME; echo ${HOME-unset}
echo *.none
echo fo*
echo ~
cd folder && pwd && cd .. && pwd
cd gone; echo $?; pwd
cd -; echo $?
type cd > /dev/null; command -v ls > /dev/null; echo $?
env | grep ^A
date +%Y > /dev/null; echo $?
echo $PATH
pwd
echo -n a; echo -e 'b\tc'
local_() { local v=1; echo $v; }; v=2; local_; echo $v
wait; echo $?
sleep 0.01 & wait $!; echo $?
kill -0 $$; echo $?
echo $? $# $-x | cut -c1-3

# sizes
du -s .; du -sk folder; du -sh folder; du -a folder | sort; du -sb file; du -c folder file; du -d 1 . | sort; du -h file
ln file hard; du -s .; du -sl .
head -c 3000000 /dev/zero > big; du -sh . big; du -m big
nproc; uname -sm
"""
HEREDOCS = {"cat <<'X'": "cat <<'X'\n$HOME\nX", "cat <<X | tr a-z A-Z": "cat <<X | tr a-z A-Z\n$A is a\nX"}
DIFFERENT = {
    "mkfifo pipe; stat -c %F pipe": "named pipes are refused in words",
    "install -d a/b; ls a": "Debian's busybox has no install",
    "dd if=/dev/zero of=big bs=1M count=12 2>/dev/null; wc -c < big": "it holds at most 32 MB of what it reads",
    "wc lines": "numbers are padded as GNU's wc pads them",
    "wc -l file lines": "numbers are padded as GNU's wc pads them",
    "set -u; echo $nothing; echo never": "exit code 1, as bash has it",
    "cd gone; echo $?; pwd": "exit code 1, as bash has it",
    "cd -; echo $?": "without a cd before there is no way back, as in bash",
}
FILES = {
    "file": ("content\n", 0o644), "run": ("#!/bin/sh\necho ran\n", 0o755), "lines": ("one 1\ntwo 2\nthree 3\n", 0o644),
    "folder/one": ("one\n", 0o644), "folder/deep/two": ("two\n", 0o640), "notrun": ("echo no\n", 0o644),
    "script": ("#!/bin/sh\necho script $#\n", 0o755),
}  # fmt: skip
PASSWD = "root:x:0:0:root:/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n"
GROUP = "root:x:0:\nme:x:1000:\nstaff:x:50:me\n"
ENV = {"PATH": "/usr/bin:/bin", "HOME": "/root", "A": "b"}
Answer = tuple[int, str, bool, dict[str, tuple[object, ...]]]


def furnished(root: Path) -> None:
    """Make the files that each script begins with."""
    for folder in ("bin", "etc", "root", "tmp", "usr/bin", "srv/folder/deep", "srv/other"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "etc/passwd").write_text(PASSWD)
    (root / "etc/group").write_text(GROUP)
    for path, (text, mode) in FILES.items():
        (root / "srv" / path).write_text(text)
        (root / "srv" / path).chmod(mode)


def files_of(root: Path) -> dict[str, tuple[object, ...]]:
    """Type, mode, owner and content of each path, without the programs."""
    facts: dict[str, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = Path(folder, name)
            inner = str(path.relative_to(root))
            info = path.lstat()
            if inner.split("/")[0] in ("bin", "dev", "proc", "sys") and inner != "bin/x":
                continue
            content: object = None
            if stat.S_ISREG(info.st_mode):
                content = path.read_bytes() if not inner.endswith((".tar", ".tgz", ".gz")) else "an archive"
            elif stat.S_ISLNK(info.st_mode):
                content = os.readlink(path)
            facts[inner] = (oct(info.st_mode), info.st_uid, info.st_gid, content)
    return facts


def answer(kind: str, root: Path, script: str) -> Answer:
    program = Program(("sh", "-c", HEREDOCS.get(script, script)), ENV, "/srv", (0, 0), "host", 60.0)
    with tempfile.TemporaryFile() as errors:  # a pipe could fill up while the other one is read
        running = named(kind).start(root, program, Streams(stderr=errors.fileno()))
        assert running.process.stdout
        out = running.process.stdout.read()
        code = running.process.wait()
        errors.seek(0)
        printed = errors.read()
    return code, out.decode("utf-8", "replace"), bool(printed), files_of(root)


@pytest.fixture(scope="module")
def programs(tmp_path_factory, busybox: Path, bwrap: None) -> Path:
    folder = tmp_path_factory.mktemp("programs") / "bin"
    folder.mkdir()
    shutil.copy(busybox, folder / "busybox")
    for name in os.popen(f"{busybox} --list").read().split():
        if name != "busybox":
            (folder / name).symlink_to("busybox")
    return folder


def scripts() -> list[str]:
    return [line for line in SCRIPTS.strip().splitlines() if line and not line.startswith("# ")]


@pytest.mark.parametrize("script", scripts())
def test_the_same_as_busybox(tmp_path, programs, script):
    if os.geteuid():
        pytest.skip("owners can be compared by root alone")
    theirs, ours = tmp_path / "busybox", tmp_path / "shell"
    for root in (theirs, ours):
        furnished(root)
    shutil.rmtree(theirs / "bin")
    shutil.copytree(programs, theirs / "bin", symlinks=True)
    (ours / "bin/sh").write_bytes(b"#!imagelab-shell\n")
    (ours / "bin/sh").chmod(0o755)
    shell, judge = answer("shell", ours, script), answer("bubblewrap", theirs, script)
    if script in DIFFERENT:
        assert shell != judge, "they agree: it is no longer different"
    else:
        assert shell == judge
