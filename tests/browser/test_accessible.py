"""axe-core, the judge of accessible pages, on a lesson that has been run, with all that folds open, in both themes.

Only what the lesson shows is looked at: its prose and its outputs. The rest of the page is JupyterLab's.
"""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from browser.classroom import MINUTE, NOTEBOOKS, run_all

LESSONS = [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
OURS = {"include": [[".jp-OutputArea-output"], [".jp-MarkdownCell .jp-RenderedMarkdown"]]}
OPEN = """async () => {
    await window.jupyterapp.commands.execute("notebook:expand-all-headings");
    document.querySelectorAll("details").forEach(one => { one.open = true; });
}"""
ANSWER = """() => {  // each question where it stands first; the answers open below
    document.querySelectorAll(".imagelab-choices input[value='a']").forEach(option => { option.click(); });
}"""
THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"


@pytest.mark.parametrize("name", LESSONS)
def test_axe_has_no_serious_finding(lesson, name):
    page = lesson(name)
    run_all(page)
    page.evaluate(ANSWER)
    expect(page.locator(".imagelab-choices [role=status]:empty")).to_have_count(0, timeout=MINUTE)
    for theme, rules in (("Light", {}), ("Dark", {"runOnly": ["color-contrast"]})):  # of the rules, one sees the theme
        page.evaluate(THEME, f"JupyterLab {theme}")
        page.evaluate(OPEN)
        findings = Axe().run(page, OURS, rules).response["violations"]
        serious = [
            f"{theme}: {finding['id']}: {node['html'][:300]}: {node['failureSummary']}"
            for finding in findings
            if finding["impact"] in ("serious", "critical")
            for node in finding["nodes"]
        ]
        assert not serious, "\n".join(serious)
