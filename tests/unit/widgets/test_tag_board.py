"""The tag board: what each button does to the lab and says of it, how quick it is, and how it fails in words."""

from __future__ import annotations

import asyncio
import re
from html import unescape

import pytest

from imagelab import Reference, draw
from imagelab.widgets import TagBoard, replay


@pytest.fixture
def images(lab):
    found = [lab.append(None, {"menu": f"soup {number}\n"}, f"shop:{number}.0") for number in (1, 2, 3)]
    lab.tag(found[0], "shop")
    return found


@pytest.fixture
def board(lab, images):
    return TagBoard(lab)


def said(board):
    return re.sub(r"<[^>]*>", "", board.output.value).strip()


def choose(board, tag=None, image=None):
    if tag is not None:
        board.tag.value = tag
    if image is not None:
        board.image.value = image.digest


def test_it_moves_a_tag_and_draws_it(board, lab, images):
    choose(board, "shop:latest", images[2])
    board.point.click()
    assert lab.image("shop").id == images[2].id
    assert said(board) == f"$ docker tag {images[2].id.short} shop:latest"
    assert 'role="status"' in board.output.value
    assert board.picture.value == draw.tags(lab)._repr_html_()
    assert f"shop:latest points to image {images[2].id.short} (move 5)." in draw.tags(lab).text
    assert board.tag.value == "shop:latest" and board.image.value == images[2].digest, "the choice stays"


def test_it_tells_the_past_of_the_chosen_tag(board, lab, images):
    choose(board, "shop:latest", images[2])
    assert board.past.value.count("<tr>") == 2
    board.point.click()
    assert board.past.value.count("<tr>") == 3
    assert lab.tag_log("shop")[-1].time[:19].replace("T", " ") in board.past.value
    board.tag.value = "shop:1.0"
    assert images[0].id.short in board.past.value and images[2].id.short not in board.past.value


def test_undo_goes_back_step_by_step_until_nothing_is_left(board, lab, images):
    choose(board, "shop:latest", images[2])
    board.point.click()
    board.undo.click()
    assert lab.image("shop").id == images[0].id
    assert said(board).endswith(f"shop:latest: {images[2].id.short} -&gt; {images[0].id.short}")
    board.undo.click()
    assert Reference.parse("shop:latest") not in lab.store.tags()
    assert ("shop:latest (removed)", "shop:latest") in board.tag.options
    board.undo.click()
    assert 'role="alert"' in board.output.value and "no move to undo" in said(board)


def test_a_removed_tag_is_brought_back(board, lab, images):
    choose(board, "shop:latest")
    board.untag.click()
    assert said(board).endswith("Untagged: shop:latest") and board.tag.value == "shop:latest"
    board.undo.click()
    assert lab.image("shop").id == images[0].id


def test_a_new_tag_is_made_and_then_chosen(board, lab, images):
    assert board.name.layout.display == "none"
    choose(board, "", images[1])
    assert board.name.layout.display == "flex"
    board.name.value = " shop:best "
    board.point.click()
    assert lab.image("shop:best").id == images[1].id
    assert (board.tag.value, board.name.value, board.name.layout.display) == ("shop:best", "", "none")
    assert "shop:best" in board.past.value


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "no tag is chosen"), ("Shop:1", "repository name must be lowercase: &#x27;Shop&#x27;"),
        ("shop:<b>", "the tag &#x27;&lt;b&gt;&#x27; may hold letters"),
        ("a@sha256:" + "0" * 64, "leave &#x27;@…&#x27; out"),
    ],
)  # fmt: skip
def test_a_bad_name_is_told_in_words_and_changes_nothing(board, lab, name, words):
    before = dict(lab.store.tags())
    board.tag.value, board.name.value = "", name
    board.point.click()
    assert 'role="alert"' in board.output.value and words in board.output.value
    assert dict(lab.store.tags()) == before


def test_removing_an_image_says_what_docker_says(board, lab, images):
    choose(board, image=images[0])
    board.remove.click()
    assert "image is referenced in multiple repositories" in said(board), "shop:1.0 and shop:latest"
    choose(board, image=images[2])
    board.remove.click()
    assert f"$ docker rmi {images[2].id.short}\nUntagged: shop:3.0\nDeleted: {images[2].id}" in said(board)
    assert images[2].digest not in [value for _, value in board.image.options]
    assert "removed: its bytes are gone" in draw.tags(lab).text


def test_prune_takes_what_no_tag_points_to(board, lab, images):
    board.prune.click()
    assert "No image is dangling" in said(board)
    choose(board, "shop:3.0", images[0])
    board.point.click()
    assert (images[2].id.short, images[2].digest) in board.image.options, "it dangles, and can be chosen"
    board.prune.click()
    assert f"Deleted: {images[2].id}" in said(board)
    board.undo.click()
    assert "has been removed" in said(board) and 'role="alert"' in board.output.value


def test_a_tag_that_is_not_in_the_row_can_be_typed(board, lab, images):
    board.tag.value = ""
    for button in (board.undo, board.untag):
        board.output.value = ""
        button.click()
        assert "type a name, such as" in said(board)
    board.name.value = "shop:1.0"
    board.point.click()
    assert "It points there already" in said(board)
    board.name.value = "nosuch:1"
    board.undo.click()
    assert "no move to undo" in said(board)
    board.name.value = "shop:2.0"
    board.untag.click()
    assert Reference.parse("shop:2.0") not in lab.store.tags()


def test_it_says_what_is_chosen(board, images):
    choose(board, "shop:2.0", images[0])
    assert f"the tag <b>shop:2.0</b> and the image <b>{images[0].id.short}</b>" in board.chosen.value
    choose(board, "")
    board.name.value = "<x>"
    assert "the tag <b>&lt;x&gt;</b>" in board.chosen.value and 'role="status"' in board.chosen.value


def test_a_large_lab_offers_what_moved_last(lab):
    for number in range(30):
        lab.append(None, {"n": str(number)}, f"app:{number:02}")
    board = TagBoard(lab)
    assert [value for _, value in board.tag.options] == [f"app:{number:02}" for number in range(6, 30)] + [""]
    assert len(board.image.options) == 24
    assert lab.image("app:29").digest in [value for _, value in board.image.options]


def test_what_others_do_meanwhile_is_seen_at_the_next_press(board, lab, images):
    lab.tag(images[1], "elsewhere:1")
    lab.rmi("shop:3.0")
    choose(board, "shop:1.0", images[2])
    board.point.click()
    assert 'role="alert"' in board.output.value
    assert "elsewhere:1" in [value for _, value in board.tag.options], "drawn again although it did not work"
    board.redraw.click()
    assert images[2].digest not in [value for _, value in board.image.options]


def test_an_empty_lab_has_a_board_too(lab):
    board = TagBoard(lab)
    assert (board.tag.value, board.image.value) == ("", None)
    board.name.value = "shop:1.0"
    for button in (board.point, board.remove):
        button.click()
        assert "this lab has no images" in said(board)
    lab.append(None, {"a": "1"}, "shop:1.0")
    board.redraw.click()
    assert (board.tag.value, board.image.value) == ("", lab.image("shop:1.0").digest)


def test_two_boards_keep_nothing_to_themselves(lab, images):
    first, second = TagBoard(lab), TagBoard(lab)
    choose(first, "shop:latest", images[1])
    first.point.click()
    second.redraw.click()
    assert second.picture.value == first.picture.value


def test_what_holds_an_image_is_drawn_and_stays(lab, images):
    board = TagBoard(lab, held={"service": images[0]})
    choose(board, "shop:1.0", images[1])
    board.point.click()
    assert f"service (keeps the image ID): image {images[0].id.short}." in board.picture.value
    lab.create("shop:2.0", "/bin/true", name="web")
    choose(board, "shop:2.0", images[2])
    board.point.click()
    assert f"web (container, created): image {images[1].id.short}." in board.picture.value, "it does not follow the tag"


def test_without_a_kernel_there_are_a_picture_and_a_table(board, lab):
    bundle = board._repr_mimebundle_()
    assert "<img alt=" in bundle["text/html"] and bundle["text/html"].count("<tr>") == 5
    assert "shop:latest points to image" in bundle["text/plain"]
    assert not re.search(r"20\d\d-", bundle["text/html"] + bundle["text/plain"]), "no time that differs each run"
    assert "application/vnd.jupyter.widget-view+json" in bundle


def node(image):
    return f"image:{image.id.short}"


def test_a_tag_dropped_on_an_image_points_to_it(board, lab, images):
    board.drawing.do("drop", "tag:shop:latest", node(images[2]))
    assert lab.image("shop").id == images[2].id
    assert said(board) == f"$ docker tag {images[2].id.short} shop:latest"
    assert board.drawing.announcement == f"shop:latest points to image {images[2].id.short} now."
    assert (board.tag.value, board.image.value) == ("shop:latest", images[2].digest)
    assert board.drawing.nodes["tag:shop:latest"]["pressed"] and not board.drawing.nodes["tag:shop:1.0"]["pressed"]
    assert f'id="tag:shop:latest->{node(images[2])}"' in unescape(board.drawing.svg)


def test_a_tag_dragged_off_is_removed_and_can_be_dropped_again(board, lab, images):
    board.drawing.do("off", "tag:shop:latest")
    assert said(board).endswith("Untagged: shop:latest") and board.drawing.announcement.endswith("is removed.")
    assert board.drawing.nodes["tag:shop:latest"]["drag"] and not board.drawing.nodes["tag:shop:latest"]["off"]
    board.drawing.do("drop", "tag:shop:latest", node(images[1]))
    assert lab.image("shop").id == images[1].id


def test_the_last_tag_takes_its_image_along_and_that_is_said(board, lab, images):
    board.drawing.do("off", "tag:shop:3.0")
    assert "last name of its image" in board.drawing.announcement and f"Deleted: {images[2].id}" in said(board)
    gone = f"image:{images[2].digest.short}"
    assert not board.drawing.nodes[gone]["drop"]
    board.drawing.do("act", gone)
    assert "removed: its bytes are gone. It cannot be chosen." in board.drawing.announcement


def test_what_is_clicked_is_chosen(board, lab, images):
    board.drawing.do("act", "tag:shop:2.0")
    assert board.tag.value == "shop:2.0" and "shop:2.0" in board.past.value
    assert board.drawing.announcement == (
        f"Chosen: tag shop:2.0, points to image {images[1].id.short}. Its history is below."
    )
    board.drawing.do("act", node(images[2]))
    assert board.image.value == images[2].digest and "shop:3.0" in board.drawing.announcement
    lab.create("shop:2.0", "/bin/true", name="web")
    board.redraw.click()
    board.drawing.do("act", "container:web")
    assert "by the image ID" in board.drawing.announcement


def test_an_error_in_the_drawing_is_told_below_it(board, lab, images):
    lab.rmi("shop:3.0")  # by someone else, meanwhile
    board.drawing.do("drop", "tag:shop:1.0", node(images[2]))
    assert 'role="alert"' in board.output.value and board.drawing.announcement == ""
    assert lab.image("shop:1.0").id == images[0].id
    board.drawing._receive(None, {"event": "drop", "node": "tag:nosuch:1", "target": node(images[0])}, [])
    board.drawing._receive(None, {"event": "drop", "node": "tag:shop:1.0", "target": "image:nosuch"}, [])
    assert lab.image("shop:1.0").id == images[0].id


def test_the_log_is_replayed_step_by_step(board, lab, images):
    lab.tag(images[2], "shop")
    board.replay.start.click()
    assert board.drawing.label == "Tags after move 0 of 5" and board.drawing.nodes == {}
    words = []
    for number in range(1, 6):
        board.replay.step.click()
        words.append(board.drawing.announcement)
        assert board.drawing.svg.count("now (move") == min(number, 4)
    assert words[3] == f"Move 4 of 5, by tag: shop:latest points to image {images[0].id.short}."
    assert words[4].endswith("This is the lab as it is now.") and board.picture.value == draw.tags(lab)._repr_html_()
    board.replay.back.click()
    assert board.drawing.label == "Tags after move 4 of 5"
    assert not board.drawing.nodes["tag:shop:latest"]["drag"], "the past cannot be changed"
    choose(board, "shop:1.0", images[1])
    board.point.click()
    assert board.drawing.label == "Tags, and where they have pointed", "and what is done is done now"
    for _ in range(9):
        board.replay.back.click()
    assert board.drawing.announcement == "Before the first of 6 moves."


def test_the_log_is_played_to_its_end_and_can_be_paused(board, lab, images, monkeypatch):
    monkeypatch.setattr(replay, "PACE", 0)
    shown = []
    board.drawing.observe(lambda change: shown.append(change.new), "label")

    async def play():
        board.replay.play.click()
        assert board.replay.play.description == "Pause"
        while board.replay.play.description == "Pause":
            await asyncio.sleep(0)

    asyncio.run(play())
    assert shown == [*(f"Tags after move {number} of 4" for number in range(4)), "Tags, and where they have pointed"]

    async def pause():
        board.replay.play.click()
        board.replay.play.click()
        assert board.replay.play.description == "Play" and board.replay._timer is None
        board.replay.play.click()
        board.close()
        board.replay._tick()
        assert board.replay._timer is None, "a board that is closed stops"

    asyncio.run(pause())


def test_outside_a_notebook_play_says_what_to_press(board):
    board.replay.play.click()
    assert "press Step" in said(board)


def test_who_names_a_repository_latest_is_told(board, lab, images):
    board.tag.value, board.name.value = "", "latest"
    board.point.click()
    assert "You have named a repository latest" in said(board) and lab.image("latest").id == images[0].id
    board.tag.value, board.name.value = "", "shop:latest"
    board.point.click()
    assert "repository" not in said(board)


def test_an_empty_lab_is_replayed_in_words(lab):
    board = TagBoard(lab)
    for press in (board.replay.start, board.replay.back, board.replay.step):
        press.click()
        assert board.drawing.announcement == "No tag has moved yet."


def test_every_control_has_a_name(board):
    assert [choice.description for choice in (board.tag, board.name, board.image)] == ["Tag", "Its name", "Image"]
    buttons = (board.point, board.undo, board.untag, board.remove, board.prune, board.redraw)
    for button in (*buttons, board.replay.start, board.replay.back, board.replay.step, board.replay.play):
        assert button.description and button.tooltip
    for node in board.drawing.nodes.values():
        assert node["label"]


def test_damage_is_told_in_words(board, lab, images):
    lab.store.blobs.path(images[0].digest).write_bytes(b"{}")
    lab.store._images.clear()
    board.redraw.click()
    assert 'role="alert"' in board.output.value


def test_seen_with_docker_29_it_shows_that_docker_s_ids_and_words(board, lab, images):
    first, second, _ = images
    board.store.value = "29"
    assert [label for label, _ in board.image.options] == [image.digest.short for image in images]
    assert f"image {first.digest.short}" in words_of(board) and first.id.short not in words_of(board)
    assert first.digest.short in board.chosen.value and first.digest.short in board.past.value
    choose(board, "shop:latest", second)
    board.point.click()
    assert said(board) == f"$ docker tag {second.digest.short} shop:latest"
    board.undo.click()
    assert said(board).endswith(f"shop:latest: {second.digest.short} -&gt; {first.digest.short}")
    board.remove.click()
    assert said(board).endswith(f"Untagged: shop:2.0\nDeleted: {second.digest}"), "one line for the image"
    choose(board, image=first)
    board.remove.click()
    assert first.digest.short in said(board) and first.id.short not in said(board), "refused: it has two names"
    lab.append(None, {"menu": "soup 9\n"}, "shop:3.0")
    board.redraw.click()
    assert "&lt;untagged&gt;, dangling" in board.drawing.svg
    board.prune.click()
    assert said(board).splitlines()[1:] == [f"untagged: {images[2].digest}", f"deleted: {images[2].digest}"]
    board.store.value = "20-28"
    assert board.image.options[0][0] == first.id.short


def words_of(board):
    """The words of the drawing."""
    return " ".join(re.findall(r"<text[^>]*>(.*?)</text>", board.drawing.svg))
