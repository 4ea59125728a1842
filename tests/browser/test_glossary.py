"""A note of the glossary in JupyterLab: closed at first; opened by keyboard it shows its words and its picture."""

from __future__ import annotations

import nbformat
import pytest
from playwright.sync_api import expect

from imagelab.lesson import glossary


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_note_opens_and_shows_its_picture(classroom, lesson, dark):
    text = f"A blob, and a layer.\n\n{glossary.note('blob')}\n{glossary.note('layer')}"
    cells = [nbformat.v4.new_markdown_cell(text), nbformat.v4.new_code_cell("1")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, classroom.lessons / "excerpt-notes.ipynb")
    page = lesson("excerpt-notes", dark=dark)
    notes = page.locator(".jp-RenderedMarkdown details")
    expect(notes).to_have_count(2)
    note = notes.first
    picture = note.get_by_role("img", name=glossary.PICTURES["anatomy"])
    expect(note.locator("summary")).to_have_text("blob")
    expect(picture).to_be_hidden()
    note.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(picture).to_be_visible()
    expect(note).to_contain_text("A file named by the digest of its bytes.")
    page.wait_for_function("image => image.complete && image.naturalWidth > 100", arg=picture.element_handle())
    expect(notes.last.get_by_role("img")).to_be_hidden()
