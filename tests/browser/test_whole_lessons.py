"""Each lesson whole, in a real browser: read before anything runs, run, its exercises worked, and judged by axe-core.

A lesson is opened and run once for all of this: most of the time goes into that. axe-core, the judge of accessible
pages, looks at what the lesson shows, its prose and its outputs, with all that folds open, in both themes; the rest of
the page is JupyterLab's.
"""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from browser.classroom import NOTEBOOKS, run_all
from browser.page import THEME, cell_with, no_trouble, option, type_and_run, widget_of

LESSONS = [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
OURS = {"include": [[".jp-OutputArea-output"], [".jp-MarkdownCell .jp-RenderedMarkdown"]]}
UNFOLD = """async () => {
    await window.jupyterapp.commands.execute("notebook:expand-all-headings");
    document.querySelectorAll("details").forEach(one => { one.open = true; });
}"""
ANSWER = """() => {  // each question where it stands first; the answers open below, and a late one is drawn after this
    const questions = [...document.querySelectorAll(".imagelab-choices")];
    const open = questions.filter(question => !question.querySelector("[role=status]").textContent);
    open.forEach(question => { question.querySelector("input[value='a']").click(); });
    return questions.length && !open.length;
}"""


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_read_run_worked_and_accessible(lesson, classroom, name):
    page = lesson(name)
    page.evaluate(UNFOLD)
    all_there_to_read(page)
    run_all(page)
    no_trouble(page)
    WORK.get(name[:2], lambda page, classroom: None)(page, classroom)
    page.wait_for_function(ANSWER, polling=500)
    accessible(page)


def all_there_to_read(page):
    """Before anything runs."""
    no_trouble(page)
    pictures = page.locator(".jp-OutputArea img")
    assert pictures.count() >= 2
    for picture in pictures.all():
        assert len(picture.get_attribute("alt")) > 40
        assert picture.evaluate("image => image.complete && image.naturalWidth > 50")


def accessible(page):
    """axe-core has no serious finding."""
    for theme, rules in (("Light", {}), ("Dark", {"runOnly": ["color-contrast"]})):  # of the rules, one sees the theme
        page.evaluate(THEME, f"JupyterLab {theme}")
        page.evaluate(UNFOLD)
        findings = Axe().run(page, OURS, rules).response["violations"]
        serious = [
            f"{theme}: {finding['id']}: {node['html'][:300]}: {node['failureSummary']}"
            for finding in findings
            if finding["impact"] in ("serious", "critical")
            for node in finding["nodes"]
        ]
        assert not serious, "\n".join(serious)


def in_lesson_00(page, classroom):
    question = widget_of(page, 'predict("00.again")')
    option(question, "a").focus()
    page.keyboard.press("Enter")
    expect(question.get_by_role("status")).to_contain_text("You chose (a) two images")
    expect(question.get_by_role("status")).to_contain_text("The answer is (b).")
    expect(widget_of(page, 'reveal("00.again"')).to_contain_text("The answer is (b)")
    expect(widget_of(page, 'reveal("00.tar"')).to_contain_text("Answer first.")

    type_and_run(page, "# Work here", 'me.lab.append(None, {"name.txt": "Ada"}, "me:1.0")')
    check = cell_with(page, "me.check()")
    expect(check).to_contain_text("Exercise 00.me: not solved yet.")
    expect(check).to_contain_text("The image you named has no command.")
    mended = 'me.lab.tag(me.lab.image("me:1.0").with_config(Cmd=["cat", "/name.txt"]), "me:1.0")'
    type_and_run(page, "# Work here", mended)
    expect(check).to_contain_text("Exercise 00.me: solved.")

    bar = cell_with(page, 'begin("00")').get_by_role("status")
    expect(bar).to_contain_text("predictions 1 of 2 · exercises 1 of 1 · next: a prediction in 3. Where is the file?")
    assert classroom.progress["predictions"]["00.again"]["said"] == "a", "the first answer counts"
    assert classroom.progress["exercises"]["00.me"]["tries"] == 2


def in_lesson_01(page, classroom):
    here = "in Python it is notes.lab"
    type_and_run(page, here, 'notes.lab.append("shop:1.0", {"app/notes.txt": ""}, tag="shop:clean")')
    expect(cell_with(page, "notes.check()")).to_contain_text("an empty file is a file")
    type_and_run(page, here, 'notes.lab.append("shop:1.0", {"app/notes.txt": None}, tag="shop:clean")')
    expect(cell_with(page, "notes.check()")).to_contain_text("Exercise 01.notes: solved.")
    type_and_run(page, "in Python it is settings.lab", 'settings.lab.tag("shop:1.0", "shop:1.1")')
    expect(cell_with(page, "settings.check()")).to_contain_text("A tag points; it changes nothing.")


def in_lesson_02(page, classroom):
    question = widget_of(page, 'predict("02.delete")')
    option(question, "a").focus()
    page.keyboard.press("Enter")
    expect(question.get_by_role("status")).to_contain_text("All 1,000,000 bytes are where they were, in layer 2.")
    expect(question.get_by_role("status")).to_contain_text("2,048 bytes more")

    here = "in Python it is secret.lab"
    show = 'secret.lab.append(None, {"token.txt": secret.lab.image("app:1.0").layers[%d].read("app/.env")'
    type_and_run(page, here, f'{show % 1}}}, tag="found:1.0")')
    expect(cell_with(page, "secret.check()")).to_contain_text("the file holds the whole line")
    type_and_run(page, here, f'{show % 1}.split(b"=")[1]}}, tag="found:1.0")')
    expect(cell_with(page, "secret.check()")).to_contain_text("Exercise 02.secret: solved.")
    here = "in Python it is shrink.lab"
    type_and_run(page, here, 'shrink.lab.tag(shrink.lab.image("album:1.0").flatten(), "album:small")')
    expect(cell_with(page, "shrink.check()")).to_contain_text("Nothing is wasted in it, and nothing is shared")
    files = 'shrink.lab.append("base:1.0", shrink.lab.diff("base:1.0", "album:1.0"), tag="album:small")'
    type_and_run(page, here, files)
    expect(cell_with(page, "shrink.check()")).to_contain_text("Exercise 02.shrink: solved.")
    assert classroom.progress["exercises"]["02.shrink"]["tries"] == 2
    assert classroom.progress["predictions"]["02.delete"] | {"when": ""} == {"said": "a", "right": False, "when": ""}


def in_lesson_03(page, classroom):
    long = "recipe = b'FROM lab/shell:1.0\\nRUN echo $((40 + 2)) begun && sleep 300\\n'\n"
    type_and_run(page, "in Python it is order.lab", f"{long}order.lab.build(order.folder, 'x:1', dockerfile=recipe)")
    work = cell_with(page, "in Python it is order.lab")
    expect(work.locator(".widget-progress, .jupyter-widget-progress, .progress").first).to_be_visible()
    expect(work).to_contain_text("step 2 of 2")
    expect(work.locator("pre", has_text="42 begun")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("i")
    page.keyboard.press("i")
    expect(work).to_contain_text("Interrupted at step 2")
    expect(work.locator(".progress")).to_have_count(0)
    expect(work).to_contain_text("the build was interrupted: no image was made and no name moved")


def in_lesson_04(page, classroom):
    here = "in Python it is twins.lab"
    type_and_run(page, here, 'twins.lab.tag("shop:stable", "proof:1.0")')
    expect(cell_with(page, "twins.check()")).to_contain_text("their configs tell of two histories")
    type_and_run(page, here, 'twins.lab.tag("shop:latest", "proof:1.0")')
    expect(cell_with(page, "twins.check()")).to_contain_text("Exercise 04.twins: solved.")
    type_and_run(page, "in Python it is back.lab", "back.lab.prune()[0][:0]")
    expect(cell_with(page, "back.check()")).to_contain_text("prune removes what no tag leads to")


def in_lesson_05(page, classroom):
    here = "in Python it is flipped.lab"
    type_and_run(page, here, 'flipped.lab.load(flipped.folder / "backup.tar")')
    expect(cell_with(page, "flipped.check()")).to_contain_text("Exercise 05.flipped: not started.")
    type_and_run(page, here, 'flipped.lab.tag("soup:4", "mended:1.0")')
    expect(cell_with(page, "flipped.check()")).to_contain_text("takes no second one. Remove the image first")
    mended = 'flipped.lab.rmi("soup:4", "mended:1.0")\nflipped.lab.load(flipped.folder / "backup.tar")\n'
    type_and_run(page, here, mended + 'flipped.lab.tag("soup:4", "mended:1.0")')
    expect(cell_with(page, "flipped.check()")).to_contain_text("Exercise 05.flipped: solved.")
    type_and_run(page, "in Python it is reach.lab", 'reach.lab.tag("menu:1.0", "same:layers")')
    expect(cell_with(page, "reach.check()")).to_contain_text("a tag stands in none of its bytes")
    type_and_run(page, "in Python it is pin.lab", 'pin.lab.tag("shop:small", "release:1.0")')
    expect(cell_with(page, "pin.check()")).to_contain_text("the same image ID, so the same config")


def in_lesson_06(page, classroom):
    here = "in Python it is diverge.lab"
    wrong = 'diverge.lab.append("shop:1.0", {"menu.txt": "soup 5\\n"}, tag="shop:busy")'
    type_and_run(page, here, wrong)
    expect(cell_with(page, "diverge.check()")).to_contain_text("There is a new image, with no container behind it.")
    code = 'for name in ("calm", "busy"): diverge.lab.run("shop:1.0", name=name, detach=True)'
    more = 'busy.exec("sh", "-c", "echo soup 5 > /menu.txt"); busy.commit("shop:busy")'
    type_and_run(page, here, f'diverge.reset()\n{code}\nbusy = diverge.lab.container("busy"); {more}')
    expect(cell_with(page, "diverge.check()")).to_contain_text("Exercise 06.diverge: solved.", timeout=20_000)
    type_and_run(page, "in Python it is kept.lab", 'kept.lab.container("till").remove()')
    expect(cell_with(page, "kept.check()")).to_contain_text("Now the orders of till are gone.")


def in_lesson_07(page, classroom):
    """In docker's words: first by tag, which somebody has moved, and then by digest."""
    here, name = "in Python it is rollback.lab", "rollback.test/shop:1.0"
    type_and_run(page, here, f"rollback.lab.use()\n%docker pull -q {name}\n%docker tag {name} tested:1.0")
    expect(cell_with(page, "rollback.check()")).to_contain_text("You pulled the tag")
    tested = 'tested = (rollback.folder / "tested.txt").read_text().strip()\n%docker pull -q {tested}\n'
    more = f"%docker tag {{tested}} tested:1.0\n%docker tag tested:1.0 {name}\n%docker push -q {name}"
    type_and_run(page, here, tested + more)
    expect(cell_with(page, "rollback.check()")).to_contain_text("Exercise 07.rollback: solved.")
    expect(widget_of(page, 'exercise("07.rollback")')).to_contain_text("docker commands that change the lab. You: 6")
    type_and_run(page, "in Python it is lean.lab", 'lean.lab.append("lean.test/shop:1.0", {"x": "y"}, "a:1")')
    expect(cell_with(page, "lean.check()")).to_contain_text("Exercise 07.lean: not solved yet.")


WORK = {  # what is done in a lesson once it has been run
    "00": in_lesson_00,
    "01": in_lesson_01,
    "02": in_lesson_02,
    "03": in_lesson_03,
    "04": in_lesson_04,
    "05": in_lesson_05,
    "06": in_lesson_06,
    "07": in_lesson_07,
}
