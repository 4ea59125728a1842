"""The container playground: what each button and each command does, how quick it is, and how it fails in words."""

from __future__ import annotations

import asyncio
import re
import signal
from html import unescape

import pytest

from imagelab import draw
from imagelab.errors import NotFound
from imagelab.widgets import ContainerPlayground
from imagelab.widgets.container_playground import CHOSEN, OTHER, ROWS

LOOP = "echo open; while true; do sleep 1; done"


@pytest.fixture
def shop(lab):
    image = lab.append(lab.base(), {"menu.txt": "soup 4\n"}).with_config(Cmd=["sh", "-c", LOOP])
    lab.tag(image, "shop:1.0")
    return image


@pytest.fixture
def playground(lab, shop):
    for name in ("left", "right"):
        lab.run("shop:1.0", name=name, detach=True)
    return ContainerPlayground(lab, "left", "right")


@pytest.fixture
def left(playground):
    return playground.sides["left"]


@pytest.fixture
def right(playground):
    return playground.sides["right"]


def words(page):
    return unescape(re.sub(r"<[^>]*>", "", page.value)).strip()


def enter(side, command):
    """What Enter does: the text is sent."""
    side.line.value = command


def test_a_command_runs_in_one_and_shows_in_its_layer_only(playground, left, right, lab):
    enter(left, "echo soup 5 > /menu.txt; cat /menu.txt")
    assert words(left.output) == "$ docker exec left sh -c 'echo soup 5 > /menu.txt; cat /menu.txt'\nsoup 5"
    assert 'role="status"' in left.output.value
    assert left.line.value == "", "ready for the next one"
    assert "7 bytes in files, 1 path" in words(left.layer) and "/menu.txt" in words(left.layer)
    assert "0 bytes in files, 0 paths" in words(right.layer) and "menu" not in words(right.layer)
    assert lab.container("left").diff() == [("C", "/menu.txt")]
    assert playground.picture.value == draw.containers(lab)._repr_html_()


def test_the_same_command_runs_again(left):
    for _ in range(2):
        enter(left, "echo more >> /log")
    enter(left, "wc -l < /log")
    assert words(left.output).endswith("\n2")


def test_a_failing_command_says_its_exit_code(left):
    enter(left, "nosuch")
    assert "nosuch: command not found" in words(left.output) and words(left.output).endswith("(exit code 127)")
    enter(left, "exit 3")
    assert words(left.output) == "$ docker exec left sh -c 'exit 3'\n(exit code 3)"
    enter(left, "if then")
    assert "parse error" in words(left.output) and words(left.output).endswith("(exit code 2)")
    enter(left, "touch /x")
    assert words(left.output).endswith("(It printed nothing.)")


def test_stop_says_why_it_killed_and_loses_nothing(left, lab):
    enter(left, "echo kept > /kept")
    left.stop.click()
    assert words(left.head).startswith("left: exited (137)")
    assert words(left.output).startswith("$ docker stop -t 0 left\nleft")
    assert "killed, by signal 9" in words(left.output)
    assert "/kept" in words(left.layer)
    left.stop.click()
    assert "(It was not running.)" in words(left.output) and "killed" not in words(left.output)
    left.start.click()
    assert words(left.head).startswith("left: running")
    enter(left, "cat /kept")
    assert words(left.output).endswith("\nkept")
    left.start.click()
    assert "(It is running already.)" in words(left.output)


def test_a_command_in_a_stopped_one_is_refused_in_words(left, lab):
    left.stop.click()
    enter(left, "ls")
    assert 'role="alert"' in left.output.value
    assert f"Container {lab.container('left').id} is not running" in words(left.output)


def test_remove_is_refused_while_it_runs_and_then_takes_the_layer(left, right, lab):
    enter(left, "echo lost > /lost")
    left.remove.click()
    assert "You cannot remove a running container" in words(left.output) and 'role="alert"' in left.output.value
    left.stop.click()
    old = lab.container("left").id
    left.remove.click()
    assert words(left.output) == "$ docker rm left\nleft"
    assert words(left.head).startswith("left: removed") and left.layer.value == ""
    with pytest.raises(NotFound):
        lab.container("left")
    for button in (left.stop, left.remove, left.commit):
        button.click()
        assert words(left.output) == "That did not work. No such container: left"
    enter(left, "ls")
    assert "No such container: left" in words(left.output)
    assert left.start.description == "Run a new one"
    left.start.click()
    assert words(left.output).startswith("$ docker run -d --name left shop:1.0\n" + lab.container("left").id)
    assert lab.container("left").id != old and lab.container("left").diff() == []
    assert left.start.description == "Start"
    assert words(right.head).startswith("right: running")


def test_a_new_one_is_given_the_command_of_the_old(lab, shop):
    lab.run("shop:1.0", "sh", "-c", "sleep 50", name="own", detach=True)
    side = ContainerPlayground(lab, "own").sides["own"]
    lab.container("own").remove(force=True)
    side.start.click()
    assert words(side.output).startswith("$ docker run -d --name own shop:1.0 sh -c 'sleep 50'")
    assert lab.container("own").argv == ("sh", "-c", "sleep 50")


def test_commit_makes_an_image_of_the_layer(left, lab, shop):
    enter(left, "echo soup 5 > /menu.txt")
    left.commit.click()
    new = lab.image("left:1.0")
    assert words(left.output).startswith(f"$ docker commit left left:1.0\n{new.id}")
    assert "the container's image and one more layer, 7 bytes in files" in words(left.output)
    assert new.diff_ids[:-1] == shop.diff_ids and new.read("menu.txt") == b"soup 5\n"
    left.tag.value = "Left"
    left.commit.click()
    assert "must be lowercase" in words(left.output) and 'role="alert"' in left.output.value
    left.tag.value = ""
    left.commit.click()
    assert words(left.output).startswith("$ docker commit left\n")


def test_what_is_done_elsewhere_is_seen_at_the_next_look(playground, left, right, lab):
    before = playground.picture.value
    playground.redraw()
    assert playground.picture.value == before
    lab.container("right").exec("sh", "-c", "echo x > /elsewhere")
    lab.container("left").kill()
    playground.redraw()
    assert "/elsewhere" in words(right.layer) and words(left.head).startswith("left: exited (137)")
    lab.tag("lab/shell:1.0", "shop:1.0")
    playground.redraw()
    assert f"of {lab.container('left').image_id.short}" in words(left.head), "the tag leads elsewhere now"


def test_in_a_notebook_it_looks_after_every_cell_until_it_is_closed(playground, left, lab):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    seen = len(shell.events.callbacks["post_run_cell"])
    watched = ContainerPlayground(lab, "left")
    assert len(shell.events.callbacks["post_run_cell"]) == seen + 1
    lab.container("left").exec("sh", "-c", "echo x > /by-a-cell")
    shell.run_cell("1")
    assert "/by-a-cell" in words(watched.sides["left"].layer)
    watched.close()
    shell.run_cell("2")
    assert len(shell.events.callbacks["post_run_cell"]) == seen
    InteractiveShell.clear_instance()


def test_a_command_that_never_ends_is_ended(left, monkeypatch):
    monkeypatch.setattr("imagelab.widgets.container_playground.SECONDS", 1.0)
    enter(left, "while true; do sleep 1; done")
    assert words(left.output).endswith("sh ran longer than 1 second and was stopped")
    assert words(left.head).startswith("left: running")


def test_an_interrupt_ends_the_command_and_is_told_in_words(left):
    """The notebook's stop button, which sends the kernel SIGINT."""
    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        enter(left, "sleep 15; touch /late")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert words(left.output) == "That did not work. interrupted"
    assert words(left.head).startswith("left: running") and "/late" not in words(left.layer)


async def until(condition):
    while not condition():
        await asyncio.sleep(0.01)


def test_in_a_notebook_a_command_runs_beside_it_and_can_be_stopped(left, right, monkeypatch):
    monkeypatch.setattr("imagelab.widgets.container_playground.GLANCE", 0.02)

    async def notebook():
        enter(left, "echo begun > /begun; echo so far; sleep 60; touch /late")
        assert words(left.output).endswith("Running …") and left.end.layout.display == ""
        await until(lambda: "/begun" in words(left.layer) and "so far" in words(left.output))
        enter(left, "touch /never")
        assert words(left.output).endswith("Running …\nWaiting until it ends: touch /never") and left.line.value == ""
        enter(right, "echo another")
        await until(lambda: words(right.output).endswith("another"))
        left.end.click()
        assert words(left.output).endswith("Stopping …")
        await until(lambda: words(left.output) == "That did not work. sh was stopped")

    asyncio.run(notebook())
    assert words(left.head).startswith("left: running") and "/begun" in words(left.layer)
    assert "/late" not in words(left.layer) and "/never" not in words(left.layer)
    assert left.end.layout.display == "none"
    left.end.click()
    assert words(left.output) == "No command runs."


def test_what_is_typed_while_a_command_runs_waits_its_turn(left):
    async def notebook():
        for number in range(3):
            enter(left, f"echo {number} >> /log; cat /log")
        await until(lambda: words(left.output).endswith("0\n1\n2"))

    asyncio.run(notebook())


def test_what_was_entered_is_kept_once_for_the_arrow_keys(left):
    for command in ("ls", "ls", " pwd ", "nosuch", ""):
        enter(left, command)
    assert left.history.lines == ["ls", "pwd", "nosuch"]


@pytest.mark.parametrize(
    ("command", "note"),
    [
        ("cd /etc", "cd ends with it"), ("cd", "cd ends with it"), ("cd /etc && ls", ""), ("cdrom", ""),
        ("vi /menu.txt", "wants a terminal"), ("less menu.txt", "wants a terminal"), ("vital", ""),
    ],
)  # fmt: skip
def test_what_this_command_line_cannot_do_is_said(left, command, note):
    enter(left, command)
    notes = ("cd ends with it", "wants a terminal")
    assert [each in words(left.output) for each in notes] == [each == note for each in notes]


def test_a_container_is_chosen_in_the_drawing(playground, left, right, lab, shop):
    playground.drawing.do("act", "container:left")
    assert playground.drawing.announcement.startswith("left is chosen")
    assert playground.drawing.nodes["container:left"]["pressed"] and left.box.layout.border_left == CHOSEN
    lab.run("shop:1.0", name="third", detach=True)
    playground.redraw()
    playground.drawing.do("act", "container:third")
    assert list(playground.sides) == ["left", "right", "third"] and left.box.layout.border_left == OTHER
    enter(playground.sides["third"], "echo 3 > /three")
    assert "/three" in words(playground.sides["third"].layer)
    label = playground.drawing.nodes["container:third"]["label"]
    assert label == "container third, running, 1 path changed, 2 bytes of its own"
    lab.container("third").remove(force=True)
    playground.drawing.do("act", "container:third")
    assert words(playground.sides["third"].head).startswith("third: removed")


def test_what_shares_a_layer_lights_up_with_it(playground, lab, shop):
    nodes = playground.drawing.nodes
    base, menu = (f"layer:{chain_id.short}" for chain_id in shop.chain_ids)
    image = f"image:{lab.image('shop:1.0').id.short}"
    assert nodes["container:left"]["same"] == [image, base, menu]
    assert {"container:left", "container:right", image} <= {*nodes[menu]["same"]}
    playground.drawing.do("act", menu)
    assert "7 bytes in files, is kept once for" in playground.drawing.announcement
    assert "container left" in playground.drawing.announcement


def test_much_output_and_many_paths_are_cut(left):
    enter(left, "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo $i > /f$i; done; yes | head -20000")
    assert "characters left out" in words(left.output) and len(left.output.value) < 50_000
    assert f"and {15 - ROWS} more paths" in words(left.layer)


def test_what_is_typed_and_printed_is_only_text(left):
    enter(left, "echo '<b>bold</b>' | tee '/<i>'")
    assert "<b>bold" not in left.output.value and "&lt;b&gt;bold" in left.output.value
    assert "<i>" not in left.layer.value


def test_an_image_without_a_shell_says_so(lab):
    lab.create(lab.append(None, {"x": "1"}), "x", name="bare")
    side = ContainerPlayground(lab, "bare").sides["bare"]
    side.start.click()
    assert 'role="alert"' in side.output.value and "exec: " in words(side.output)
    assert words(side.head).startswith("bare: created")


def test_a_container_that_is_not_there_is_refused(lab):
    with pytest.raises(NotFound, match="No such container: nosuch"):
        ContainerPlayground(lab, "nosuch")


def test_without_a_kernel_there_are_a_picture_and_a_table(playground):
    bundle = playground._repr_mimebundle_()
    assert "<img alt=" in bundle["text/html"] and bundle["text/html"].count("<tr>") == 3
    assert "left (container" in bundle["text/plain"] and "NAMES" in bundle["text/plain"]
    assert not re.search(r"20\d\d-", bundle["text/html"] + bundle["text/plain"]), "no time that differs each run"
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_every_control_has_a_name(left, right):
    for side, name in ((left, "left"), (right, "right")):
        assert side.line.description == f"{name} $" and side.tag.description == "Commit as"
        for button in (side.start, side.stop, side.remove, side.commit, side.end):
            assert button.description and button.tooltip.startswith(f"{name}: ")


def test_it_shows_the_ids_and_words_of_docker_29_too(playground, left, shop, lab):
    assert shop.id.short in words(left.head) and shop.id.short in playground.picture.value
    playground.store.value = "29"
    for area in (left.head, playground.picture):
        assert shop.digest.short in area.value and shop.id.short not in area.value
    left.remove.click()
    assert 'cannot remove container "left": container is running: stop the container' in words(left.output)
    left.commit.click()
    image = lab.image("left:1.0")
    assert words(left.output).startswith(f"$ docker commit left left:1.0\n{image.digest}")
    playground.store.value = "20-28"
    assert shop.id.short in words(left.head)
