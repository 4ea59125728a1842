"""Many at once on one store; what they print, for as long as they print it."""

from __future__ import annotations

import subprocess
import sys
import threading

from imagelab import Lab
from unit.containers.conftest import started

CROWD = """
import sys
from imagelab import Lab
lab, who = Lab(sys.argv[1]), sys.argv[2]
for number in range(int(sys.argv[3])):
    script = f"echo {who} > /mine{number}; cat /mine{number}"
    one = lab.run("lab/shell:1.0", "sh", "-c", script, name=f"c{who}-{number}")
    assert one.exit_code == 0 and one.logs() == f"{who}\\n", (one.state, one.logs())
    assert one.diff() == [("A", f"/mine{number}")], one.diff()
    if number % 2:
        one.commit(f"made:{who}-{number}")
    one.remove()
"""


def test_many_processes_share_one_store(lab, base):
    """30 containers started, written to, diffed and removed by 4 processes at once: nothing lost."""
    counts = [8, 8, 7, 7]
    crowd = [
        subprocess.Popen([sys.executable, "-c", CROWD, str(lab.home), str(who), str(count)], stderr=subprocess.PIPE)
        for who, count in enumerate(counts)
    ]
    for process in crowd:
        _, trouble = process.communicate(timeout=120)
        assert process.returncode == 0, trouble.decode()
    assert lab.containers() == []
    assert lab.verify() == []
    made = {name for name in lab.store.tags() if "made" in name.path}
    assert len(made) == sum(count // 2 for count in counts)
    assert not [path for path in (lab.home / "containers").iterdir() if not path.name.startswith(".lock")]


def test_a_lab_with_an_epoch_has_the_same_ids_everywhere(tmp_path):
    first, second = (Lab(tmp_path / name, epoch=0) for name in "ab")
    ids = [[lab.create(lab.base(), "true").id for _ in range(2)] for lab in (first, second)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2
    assert [one.name for one in first.containers()] == [one.name for one in second.containers()]


def test_logs_follow_until_the_end(lab, linux):
    web = started(lab, linux, "sh", "-c", "trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.05; done")
    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.extend(line.text for line in web.log(follow=True)))
    thread.start()
    web.stop()
    thread.join(timeout=10)
    assert seen == ["up\n", "bye\n"]
    assert [line.text for line in web.log(tail=1)] == ["bye\n"]


def test_endless_output_is_kept_in_part(lab, linux, monkeypatch):
    made = lab.run(linux, "sh", "-c", "dd if=/dev/zero bs=1000000 count=60 2>/dev/null; echo; echo end")
    size = sum(path.stat().st_size for path in made.root.parent.glob("log.jsonl*"))
    assert size < 40 << 20
    assert [line.text for line in made.log(tail=1)] == ["end\n"]
