"""The site: built once from what is committed; every link, drawing and answer is in it, and nothing of another host."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

from imagelab.lesson import course
from imagelab.lesson.minutes import FOLDED

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "website.py"
LOADS = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "object": "data"}


@dataclass
class Page(HTMLParser):
    """What a page holds, read without the libraries that made it."""

    text: str
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    folds: list[tuple[str, bool]] = field(default_factory=list)  # the words of a <summary>, and whether it is open
    drawings: int = 0

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[bool] = []
        self._summary: list[str] | None = None
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        if has.get("id"):
            self.ids.append(has["id"])
        if tag == "a" and "href" in has:
            self.links.append(has["href"])
        if tag in LOADS and has.get(LOADS[tag]):
            self.loaded.append(has[LOADS[tag]])
        if tag == "details":
            self._open.append("open" in has)
        if tag == "summary":
            self._summary = []
        if tag == "svg":
            self.drawings += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "summary":
            self.folds.append(("".join(self._summary), self._open[-1]))
            self._summary = None
        if tag == "details":
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._summary is not None:
            self._summary.append(data)


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, TOOL, folder], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    return {path.name: Page(path.read_text("utf-8")) for path in sorted(site.glob("*.html"))}


def cells(lesson: course.Lesson) -> list[nbformat.NotebookNode]:
    return nbformat.read(ROOT / "notebooks" / lesson.notebook, as_version=4).cells


def outputs(lesson: course.Lesson) -> list[str]:
    """The HTML of a lesson's committed outputs."""
    return [out.get("data", {}).get("text/html", "") for cell in cells(lesson) for out in cell.get("outputs", ())]


def test_the_index_and_the_map_of_lesson_00_lead_to_every_lesson(pages):
    addresses = [lesson.notebook.replace(".ipynb", ".html") for lesson in course.LESSONS]
    for name in ("index.html", addresses[0]):
        table = re.search(r'<table class="map">.*?</table>', pages[name].text, re.S)
        assert re.findall(r'href="(.*?)"', table[0]) == addresses
    for before, after in zip(["index.html", *addresses], addresses, strict=False):
        assert f'<a rel="prev" href="{before}">' in pages[after].text
        assert before == "index.html" or f'<a rel="next" href="{after}">' in pages[before].text


def test_every_link_leads_to_a_file_and_to_an_id_in_it(site, pages):
    for name, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), name
        for link in page.links + page.loaded:
            target, _, fragment = link.partition("#")
            if link.startswith("https://"):
                continue
            assert not target or (site / target).is_file(), (name, link)
            assert not fragment or fragment in pages[target or name].ids, (name, link)
        assert ".ipynb#" not in page.text and '.ipynb"' not in " ".join(page.links)


@pytest.mark.parametrize(
    ("source", "link", "address"),
    [
        ("notebooks/00-start-here.ipynb", "04-tags.ipynb#cell-id=ffc9ae77", "04-tags.html#cell-ffc9ae77"),
        ("docs/teaching.md", "../notebooks/04-tags.ipynb", "04-tags.html"),
        ("docs/teaching.md", "registry.md#a-class-over-the-network", "registry.html#a-class-over-the-network"),
        ("README.md", "LICENSE", "LICENSE.txt"),
        ("README.md", "https://example.org/README.md#x", "https://example.org/README.md#x"),
        ("README.md", "#start", "#start"),
    ],
)
def test_a_link_of_a_notebook_or_a_text_is_a_link_of_its_page(source, link, address):
    website = runpy.run_path(str(TOOL))
    assert website["rewritten"](link, website["Page"](source, "x.html")) == address


def test_a_link_that_leads_nowhere_fails_the_build_by_name(site, tmp_path):
    broken_links = runpy.run_path(str(TOOL))["broken_links"]
    (tmp_path / "one.html").write_text('<h1 id="a">x</h1><a href="#a"></a><a href="two.html"></a><a href="#no"></a>')
    assert list(broken_links(tmp_path)) == [
        "one.html: two.html leads to no file of the site", "one.html: #no leads to no heading or cell"
    ]  # fmt: skip


def test_nothing_is_loaded_from_another_host(site, pages):
    for name, page in pages.items():
        assert not [link for link in page.loaded if re.match(r"(\w+:)?//", link)], name
    for path in site.rglob("*"):
        if path.suffix in (".css", ".js", ".svg"):
            text = re.sub(r'xmlns(:\w+)?="[^"]*"', "", path.read_text("utf-8"))
            if path.name != "search-index.js":  # the texts speak of addresses
                assert not re.search(r"https?://|@import|url\(", text), path.name


def test_no_page_is_larger_than_a_megabyte(site):
    for path in site.rglob("*"):
        assert path.is_dir() or path.stat().st_size <= 1_000_000, path.name


@pytest.mark.parametrize("lesson", course.LESSONS, ids=lambda lesson: lesson.number)
def test_a_lesson_has_its_drawings_and_its_answers_and_solutions_folded(pages, lesson):
    page = pages[lesson.notebook.replace(".ipynb", ".html")]
    folds = [words for words, is_open in page.folds]
    assert not [words for words, is_open in page.folds if is_open and re.match("the answer|Why not|a sol|Hint", words)]
    assert folds.count("the answer") == len(lesson.predictions)
    for how in ("in Python", "with docker's commands"):
        assert folds.count(f"a solution, {how}") == len(lesson.exercises)
    assert page.drawings == sum(html.count("data:image/svg+xml") for html in outputs(lesson))
    more = [cell for cell in cells(lesson) if cell.metadata.get(FOLDED)]
    assert len([words for words in folds if ". More: " in words]) == len(more)


def test_what_only_works_in_a_notebook_is_left_out(pages):
    for page in pages.values():
        assert "imagelab-bar-" not in page.text and "imagelab-map" not in page.text
        assert not re.search(r"not started|Work here: %docker", page.text.partition('id="search"')[2])


def test_a_drawing_stands_in_the_page_as_it_was_drawn_with_names_in_place_of_ids(pages):
    tags = pages["04-tags.html"].text
    assert 'data-name="tag:shop:1.0&#45;&gt;image:b4f2eeec4296"' in tags
    assert "viewBox" in tags and "textLength" in tags
    assert "<svg" in tags and "prefers-color-scheme" not in tags


def test_the_search_index_leads_to_every_heading_of_the_lessons(site, pages):
    text = (site / "search-index.js").read_text("utf-8")
    entries = json.loads(text.removeprefix("window.searchIndex = ").removesuffix(";\n"))
    for address, title, heading, words in entries:
        name, _, fragment = address.partition("#")
        assert title and heading and (not fragment or fragment in pages[name].ids), address
        assert "\n" not in words
    headings = {heading for address, _, heading, _ in entries if address.startswith("04-tags.html")}
    assert {"04 · Tags", "4. An image called <none>"} <= headings


def test_the_same_files_give_the_same_site_and_a_second_build_takes_its_place(site, tmp_path):
    again = tmp_path / "site"
    again.mkdir()
    (again / "index.html").write_text((site / "index.html").read_text("utf-8"))
    (again / "from-before.html").write_text("an old page")
    assert build(again).returncode == 0
    files = {path.relative_to(site): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    assert files == {path.relative_to(again): path.read_bytes() for path in again.rglob("*") if path.is_file()}
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    done = build(tmp_path)
    assert done.returncode == 1 and "name another folder" in done.stderr and "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_workflow_for_pages_builds_what_make_html_builds():
    workflow = (ROOT / ".github" / "workflows" / "pages.yml").read_text("utf-8")
    assert "run: make html" in workflow and "path: site" in workflow
    assert "has not been run" in workflow
    assert "\n/site/\n" in (ROOT / ".gitignore").read_text("utf-8")
