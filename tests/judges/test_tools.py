"""The judges themselves: an absent one must be noticed, never silently passed over."""

from __future__ import annotations

import pytest

from judges import tools


def test_absent_judge_skips_with_the_line_that_brings_it(monkeypatch):
    monkeypatch.delenv("IMAGELAB_REQUIRE_JUDGES", raising=False)
    monkeypatch.setattr(tools.shutil, "which", lambda *_, **__: None)
    with pytest.raises(pytest.skip.Exception, match=r"needs umoci \(apt-get install umoci\)"):
        tools.find("umoci")


def test_absent_judge_fails_where_judges_are_required(monkeypatch):
    monkeypatch.setenv("IMAGELAB_REQUIRE_JUDGES", "1")
    monkeypatch.setattr(tools.shutil, "which", lambda *_, **__: None)
    with pytest.raises(pytest.fail.Exception, match="needs docker"):
        tools.find("docker")


def test_summary_is_one_apt_line():
    reasons = [
        "Skipped: needs dockerd (apt-get install docker.io)",
        "needs umoci (apt-get install umoci)",
        "needs umoci (apt-get install umoci)",
        "some other reason",
    ]
    assert tools.summary(reasons) == [
        "dockerd: 1 test skipped",
        "umoci: 2 tests skipped",
        "to run them: apt-get install docker.io umoci",
    ]
    assert tools.summary(["some other reason"]) == []
    assert tools.summary(["needs oci-conformance (make conformance)"]) == [
        "oci-conformance: 1 test skipped",
        "to run them: make conformance",
    ]


def test_a_judge_that_refuses_fails_the_test(gnu_tar):
    with pytest.raises(pytest.fail.Exception, match="tar -tf"):
        gnu_tar("-tf", "/nonexistent.tar")


def test_the_engine_is_our_own_and_empty(docker):
    assert docker("version", "--format", "{{.Server.Os}}").strip() == "linux"
    assert docker("info", "--format", "{{.Driver}}").strip() == "vfs"
