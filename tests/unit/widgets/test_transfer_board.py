"""The transfer board: what is dragged or pressed really travels, what is shown of it is what the registry saw."""

from __future__ import annotations

import asyncio
import re
from html import unescape

import pytest

from imagelab.drawings.transfer import layout
from imagelab.widgets import TransferBoard, replay
from imagelab.widgets.transfer_requests import by_blob, caption, shown_path

SHOP = "market.test/shop:1.0"


@pytest.fixture
def market(lab):
    with lab.registry(name="market.test") as registry:
        yield registry


@pytest.fixture
def first(lab, market):
    below = lab.append(None, {"photo.jpg": bytes(range(256)) * 40})
    lab.append(below, {"menu.txt": "soup 4\n"}, SHOP)
    return lab.push(SHOP)


@pytest.fixture
def board(lab, market, first):
    return TransferBoard(lab, market, first)


def printed(board):
    return unescape(re.sub(r"<[^>]*>", "", board.output.value)).strip()


def announced(board):
    return board.drawing.announcement


def test_a_name_dropped_on_a_repository_is_pushed_and_only_what_is_missing_travels(board, lab, market, first):
    board.other.value = "kitchen/shop"
    board.repository.value = ""
    board.push.click()
    last = board.transfers[-1]
    assert market.tags()["kitchen/shop"]["1.0"] == last.digest
    assert printed(board).startswith(f"$ docker tag {SHOP} market.test/kitchen/shop:1.0\n$ docker push ")
    assert (last.mounted, last.moved) == (2, 2)

    board.drawing.do("drop", f"name:{SHOP}", "repository:kitchen/shop")
    assert len(board.transfers) == 3 and board.transfers[-1].moved == 1
    manifest = board.transfers[-1].blobs[-1].size
    assert announced(board) == f"{SHOP} is pushed: 1 sent ({manifest:,} bytes), 3 already there."
    board.drawing.do("drop", f"name:{SHOP}", "pointer:shop:1.0")
    assert printed(board).startswith(f"$ docker push {SHOP}\n"), "it has that name already"


def test_a_changed_byte_makes_one_layer_travel(board, lab, first):
    before = lab.image(SHOP)
    board.change.click()
    changed = lab.image(SHOP)
    assert "Byte 5 of menu.txt, in layer 2, has changed" in printed(board)
    assert changed.read("menu.txt") == b"soup 5\n" and changed.diff_ids[0] == before.diff_ids[0]
    board.push.click()
    assert [blob.verdict for blob in board.transfers[-1].blobs] == ["exists", "sent", "sent", "sent"]


def test_a_name_dragged_off_is_removed_and_its_tag_dropped_on_the_lab_brings_it_back(board, lab, market, first):
    id_ = lab.image(SHOP).id
    board.drawing.do("off", f"name:{SHOP}")
    assert not lab.tags() and f"Untagged: {SHOP}" in printed(board)
    assert announced(board) == f"The name {SHOP} is removed from the lab."
    assert market.tags() == {"shop": {"1.0": first.digest}}, "the registry was asked nothing"
    board.push.click()
    assert "the lab has no names" in printed(board) and 'role="alert"' in board.output.value
    board.drawing.do("drop", "pointer:shop:1.0", "lab")
    assert lab.image(SHOP).id == id_
    assert printed(board).startswith(f"$ docker pull {SHOP}\ndigest: {first.digest}")
    assert announced(board).startswith("shop:1.0 is pulled: 4 received")


@pytest.mark.parametrize(
    ("node", "target", "words"),
    [
        (f"name:{SHOP}", "lab", "A name of the lab goes onto a repository"),
        ("pointer:shop:1.0", "repository:shop", "A name of the lab goes onto a repository"),
    ],
)
def test_a_drop_that_means_nothing_is_told_in_words(board, node, target, words):
    board.drawing.do("drop", node, target)
    assert announced(board).startswith(words) and len(board.transfers) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [("", "no repository is chosen"), ("Kitchen", "must be lowercase"), ("a b", "a b"), ("<b>x</b>", "<b>")],
)
def test_a_bad_repository_is_told_in_words_and_changes_nothing(board, lab, market, name, words):
    before = dict(lab.tags()), market.tags()
    board.repository.value, board.other.value = "", name
    board.push.click()
    assert 'role="alert"' in board.output.value and words in printed(board)
    assert (dict(lab.tags()), market.tags()) == before


def test_a_registry_that_is_gone_is_told_in_words(board, market):
    market.close()
    board.push.click()
    assert 'role="alert"' in board.output.value and "market.test" in printed(board)


def test_a_blob_that_is_clicked_shows_both_its_names_and_its_requests(board, first):
    layer = first.blobs[1]
    for node in ("layer:2", "blob:layer:2"):
        board.drawing.do("act", node)
        assert layer.diff_id.short in announced(board) and layer.digest[7:19] in announced(board)
        assert "The requests for layer 2" in board.details.value
        assert board.details.value.count("<tr>") == 1 + 3, "POST, PATCH and PUT"
        assert board.drawing.nodes[node]["pressed"] and not board.drawing.nodes["config"]["pressed"]
    assert board.drawing.nodes["layer:2"]["same"] == ["layer:2", "blob:layer:2"], "both light up"
    board.drawing.do("act", "config")
    assert "the image ID" in announced(board)


def test_it_is_played_blob_by_blob_with_the_requests_so_far(board, market, first):
    every = board.details.value.count("<tr>")
    assert every == 1 + len(first.requests) == 1 + len(market.log()), "what the registry saw"
    board.replay.start.click()
    assert announced(board) == "Before the first of 4 blobs." and "not there yet" in board.drawing.svg
    assert not board.drawing.nodes[f"name:{SHOP}"]["drag"], "the past cannot be changed"
    seen = []
    for number in range(1, 5):
        board.replay.step.click()
        assert announced(board).startswith(f"{number} of 4: ")
        seen.append(board.details.value.count("<tr>"))
    assert seen == sorted(set(seen)) and seen[-1] == every
    assert announced(board).endswith("Done: 4 sent (" + f"{sum(blob.size for blob in first.blobs):,} bytes).")
    assert board.drawing.nodes[f"name:{SHOP}"]["drag"]
    board.replay.back.click()
    assert announced(board).startswith("3 of 4: config, sent")


def test_play_goes_on_by_itself_and_pauses(board, monkeypatch):
    monkeypatch.setattr(replay, "PACE", 0.001)

    async def play():
        board.replay.play.click()
        assert board.replay.play.description == "Pause"
        while board.replay.moment is not None:
            await asyncio.sleep(0)
        assert board.replay.play.description == "Play"

    asyncio.run(asyncio.wait_for(play(), 60))
    assert "Done: 4 sent" in announced(board)
    board.replay.play.click()
    assert "only a notebook can play" in printed(board)


def test_a_board_that_is_closed_stops_playing(board):
    async def close():
        board.replay.play.click()
        board.close()
        board.replay._tick()
        assert board.replay._timer is None

    asyncio.run(close())


def test_earlier_transfers_can_be_chosen(board, first):
    board.push.click()
    assert board.shown.value == 1 and len(board.shown.options) == 2
    board.replay.start.click()
    board.shown.value = 0
    assert board.replay.moment is None
    assert f"4 sent ({sum(blob.size for blob in first.blobs):,} bytes)" in board.drawing.svg


def test_each_request_belongs_to_one_blob(lab, market, first):
    lab.tag(SHOP, "market.test/kitchen/shop:1.0")
    transfers = [first, lab.push(SHOP), lab.push("market.test/kitchen/shop:1.0")]
    lab.rmi(SHOP, "market.test/kitchen/shop:1.0")
    transfers.append(lab.pull(SHOP))
    for transfer in transfers:
        others, each = by_blob(transfer)
        assert [request.path for request in others] == ["/v2/"]
        assert all(each), "every blob has a request at least"
        together = [*others, *(request for own in each for request in own)]
        assert sorted(map(repr, together)) == sorted(map(repr, transfer.requests))
        assert all(caption(request) and "uploads/…" in shown_path(request) + "uploads/…" for request in together)
    first_layer = [(request.method, caption(request)) for request in by_blob(first)[1][0]]
    assert first_layer == [
        ("POST", "May I send a blob? Yes, to this address."), ("PATCH", "Bytes of the blob."),
        ("PUT", "That was the blob, and this is its digest."),
    ]  # fmt: skip
    mounted = [caption(request) for request in by_blob(transfers[2])[1][0]]
    assert mounted == ["Is this blob there? No.", "Take the blob over from shop. Done."]


def test_without_a_kernel_there_are_a_picture_and_the_requests(board, first):
    bundle = board._repr_mimebundle_()
    assert "<img alt=" in bundle["text/html"] and bundle["text/html"].count("<tr>") == 1 + len(first.requests)
    assert "Pushed: 4 sent" in bundle["text/plain"]
    assert not re.search(r"uploads/[0-9a-f]{8}", bundle["text/html"]), "no number that differs each run"
    assert "127.0.0.1" not in bundle["text/html"]


def test_an_empty_lab_and_an_empty_registry_have_a_board_too(lab, market):
    board = TransferBoard(lab, market)
    assert "no repositories" in board.drawing.svg and board.details.value == ""
    for button, words in ((board.push, "no names"), (board.pull, "no"), (board.change, "no names")):
        button.click()
        assert words in printed(board) and 'role="alert"' in board.output.value
    board.replay.step.click()
    assert announced(board) == "Nothing was pushed or pulled yet."


def test_many_names_and_a_long_one(lab, market):
    for number in range(12):
        lab.append(None, {"n": str(number)}, f"app:{number:02}")
    lab.append(None, {"n": "x"}, "app:" + "long" * 20)
    board = TransferBoard(lab, market)
    assert len(board.name.options) == 8
    board.name.value, board.other.value = "app:" + "long" * 20, "b"
    board.push.click()
    assert market.tags()["b"] and layout(board.transfers[0]).svg
