"""What tutorials ask of a container: fields of inspect, and ps with both --quiet and --format."""

from __future__ import annotations

from pathlib import Path


def test_quiet_goes_before_a_format_and_says_so(cli, web):
    plain = cli("ps", "--quiet").ok
    both = cli("ps", "--quiet", "--format", "{{.Names}}")
    assert both.out == plain and len(plain.split()) == 1
    assert both.err == "WARNING: Ignoring custom format, because both --format and --quiet are set.\n"
    assert cli("ps", "--quiet", "--format", "table").err == both.err  # as docker 28 has it
    bad = cli("ps", "--quiet", "--format", "{{.Nope}}")
    assert bad.code == 1 and "failed to execute template" in bad.err


def test_inspect_has_the_fields_that_tutorials_use(cli, web):
    fields = "{{json .NetworkSettings.IPAddress}} {{json .Mounts}} {{json .NetworkSettings.Ports}} {{.RestartCount}}"
    assert cli("inspect", "--format", fields, "web").ok == '"" [] {} 0\n'
    log = Path(cli("inspect", "--format", "{{.LogPath}}", "web").ok.strip())
    assert log.is_file()
