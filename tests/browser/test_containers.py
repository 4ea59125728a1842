"""Lesson 06 in a real browser: the container playground by keyboard, its errors, and the exercises."""

from __future__ import annotations

import os
import re

import pytest
from playwright.sync_api import expect

from browser.page import group, middle, readable_in_every_light, type_and_run

LESSON = "06-image-and-container"
PLAYGROUND = "ContainerPlayground(bench"


@pytest.fixture
def playground(widget):
    return widget(LESSON, PLAYGROUND, "diverge = exercise")


def line_of(playground, name):
    return playground.get_by_role("textbox", name=f"{name} $")


def typed(playground, name, command):
    """Type a command as people do, and press Enter."""
    line_of(playground, name).focus()
    playground.page.keyboard.type(command)
    playground.page.keyboard.press("Enter")


def expect_drawn(playground, words):
    """The drawing says this in words too, folded below it."""
    expect(playground.locator("figcaption")).to_contain_text(words)


def printed(playground, at):
    """What the command line of the first or second container printed; the drawing has a status of its own."""
    return playground.get_by_role("status").nth(at + 1)


def test_two_containers_go_different_ways_by_keyboard(playground):
    page = playground.page
    row = playground.get_by_role("row")
    typed(playground, "blue", "echo soup 5 > /menu.txt")
    expect(printed(playground, 0)).to_have_text(
        re.compile(r"\$ docker exec blue sh -c 'echo soup 5 > /menu.txt'\s+\(It printed nothing.\)")
    )
    expect(row.filter(has_text="/menu.txt")).to_have_text(re.compile(r"C\s*/menu\.txt\s*file\s*7"))
    expect(line_of(playground, "blue")).to_have_value("")
    expect(line_of(playground, "blue")).to_be_focused()
    page.keyboard.type("cat /menu.txt")
    page.keyboard.press("Enter")
    expect(printed(playground, 0)).to_contain_text("soup 5")
    typed(playground, "red", "cat /menu.txt")
    expect(printed(playground, 1)).to_contain_text("soup 4")
    expect(row.filter(has_text="/menu.txt")).to_have_count(1)
    expect_drawn(playground, "and has 7 bytes of its own: C /menu.txt.")

    for _ in ("what it printed, to be scrolled", "Start", "Stop"):
        page.keyboard.press("Tab")
    expect(playground.get_by_role("button", name="Stop", exact=True).nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(playground).to_contain_text("red: exited (137)")
    expect(playground).to_contain_text("a shell ignores the signal that asks it to stop")
    expect_drawn(playground, "is exited (137)")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    expect(playground).to_contain_text("red: running")


def test_a_container_is_chosen_in_the_drawing_and_typed_into(playground):
    page, said = playground.page, playground.locator(".imagelab-touch-status")
    page.mouse.click(*middle(playground, "container:red"))
    expect(said).to_have_text("red is chosen: type a command below, or press one of its buttons.")
    expect(line_of(playground, "red")).to_be_focused()
    page.keyboard.type("echo soup 6 > /menu.txt")
    page.keyboard.press("Enter")
    expect(group(playground, "container:red")).to_contain_text("/menu.txt")
    expect(group(playground, "container:red")).to_have_attribute("aria-pressed", "true")

    group(playground, "container:red").focus()
    page.keyboard.press("ArrowLeft")
    expect(group(playground, "container:blue")).to_be_focused()
    expect(said).to_contain_text("blue is running: 0 paths changed, 0 bytes of its own. It shares 2 layers with")
    lit = playground.locator(".imagelab-lit")
    expect(lit).to_have_count(4)  # blue, its image, and two layers
    page.keyboard.press("Enter")
    expect(line_of(playground, "blue")).to_be_focused()


def test_a_command_that_takes_long_is_shown_and_stopped_and_called_back(playground):
    page = playground.page
    typed(playground, "blue", "echo begun > /begun; echo so far; sleep 60")
    expect(printed(playground, 0)).to_contain_text("so far")
    expect(printed(playground, 0)).to_contain_text("Running …")
    expect(playground.get_by_role("row").filter(has_text="/begun")).to_have_count(1)
    typed(playground, "red", "cat /menu.txt")
    expect(printed(playground, 1)).to_contain_text("soup 4")
    playground.get_by_role("button", name="Stop the command").click()
    expect(playground.get_by_role("alert")).to_contain_text("sh was stopped")
    expect(playground.get_by_role("button", name="Stop the command")).to_have_count(0)
    expect(playground).to_contain_text("blue: running")
    typed(playground, "blue", "cd /etc")
    expect(printed(playground, 0)).to_contain_text("cd ends with it")
    for key, line in (
        ("ArrowUp", "cd /etc"), ("ArrowUp", "echo begun > /begun; echo so far; sleep 60"), ("ArrowDown", "cd /etc"),
        ("ArrowDown", ""),
    ):  # fmt: skip
        page.keyboard.press(key)
        expect(line_of(playground, "blue")).to_have_value(line)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(printed(playground, 0)).to_contain_text("$ docker exec blue sh -c 'cd /etc'")


def test_what_is_typed_while_the_kernel_is_busy_is_kept(playground, tmp_path):
    busy = tmp_path / "busy"
    os.mkfifo(busy)
    type_and_run(playground.page, "diverge = exercise", f"open({str(busy)!r}).close()")
    typed(playground, "blue", "echo first")
    expect(line_of(playground, "blue")).to_have_value("")
    playground.page.keyboard.type("echo second")
    busy.open("w").close()  # the kernel goes on
    expect(printed(playground, 0)).to_contain_text("$ docker exec blue sh -c 'echo first'")
    expect(printed(playground, 0)).not_to_contain_text("Running")
    expect(line_of(playground, "blue")).to_have_value("echo second")


def test_the_same_command_twice_is_run_twice(playground):
    for lines in (1, 2):
        typed(playground, "red", "echo more >> /log")
        expect(playground.get_by_role("row").filter(has_text="/log")).to_have_text(
            re.compile(rf"A\s*/log\s*file\s*{5 * lines}$")
        )


def test_errors_are_told_in_words(playground):
    typed(playground, "blue", "nosuch")
    expect(printed(playground, 0)).to_contain_text("nosuch: command not found")
    expect(printed(playground, 0)).to_contain_text("(exit code 127)")
    playground.get_by_role("button", name="Remove").first.click()
    expect(playground.get_by_role("alert")).to_contain_text("You cannot remove a running container")
    playground.get_by_role("button", name="Stop", exact=True).first.click()
    expect(playground).to_contain_text("blue: exited (137)")
    typed(playground, "blue", "ls")
    expect(playground.get_by_role("alert")).to_contain_text("is not running")
    playground.get_by_role("button", name="Remove").first.click()
    expect(playground).to_contain_text("blue: removed")
    playground.get_by_role("button", name="Run a new one").click()
    expect(playground).to_contain_text("blue: running")
    expect(playground).to_contain_text("A new container: a new ID, and an empty writable layer.")


def test_what_a_cell_does_is_seen(playground):
    type_and_run(playground.page, "diverge = exercise", 'bench.container("red").exec("touch", "/by-a-cell")')
    expect(playground.get_by_role("row").filter(has_text="/by-a-cell")).to_have_count(1)


def test_a_commit_is_drawn_as_an_image(playground):
    typed(playground, "blue", "echo hi > /note")
    expect(playground.get_by_role("row").filter(has_text="/note")).to_have_count(1)
    playground.get_by_role("button", name="Commit").first.click()
    expect(printed(playground, 0)).to_contain_text("docker commit blue blue:1.0")
    expect_drawn(playground, "(3 bytes) is of 1 image.")


def test_the_playground_is_readable_in_every_light(widget):
    playground = widget(LESSON, PLAYGROUND)
    typed(playground, "blue", "echo hi > /note; cat /nosuch")
    expect(printed(playground, 0)).to_contain_text("(exit code 1)")
    playground.get_by_role("button", name="Remove").nth(1).click()
    expect(playground.get_by_role("alert")).to_contain_text("You cannot remove a running container")
    readable_in_every_light(playground)
