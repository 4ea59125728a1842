"""`import --change`: Dockerfile instructions that only set the config, as the Dockerfile reference has them."""

from __future__ import annotations

import pytest

from imagelab.cli.changes import config_from
from imagelab.cli.verbs import Failed


@pytest.mark.parametrize(
    "changes, config",
    [
        ([], {}),
        (['CMD ["/app", "-v"]'], {"Cmd": ["/app", "-v"]}),
        (["CMD echo hi"], {"Cmd": ["/bin/sh", "-c", "echo hi"]}),
        (["CMD [not json"], {"Cmd": ["/bin/sh", "-c", "[not json"]}),
        (["ENTRYPOINT []"], {"Entrypoint": []}),
        (['ENV A=b C="d e" D=f\\ g'], {"Env": ["A=b", "C=d e", "D=f g"]}),
        (["ENV A the rest of it"], {"Env": ["A=the rest of it"]}),
        (["ENV A=1 B=2", "env A=3"], {"Env": ["A=3", "B=2"]}),
        (["LABEL a=b", "label c='d e'"], {"Labels": {"a": "b", "c": "d e"}}),
        (["EXPOSE 80 53/udp", "EXPOSE 8000-8001"],
         {"ExposedPorts": {"80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {}}}),
        (['VOLUME ["/a b", "/c"]', "VOLUME /d /e"], {"Volumes": {"/a b": {}, "/c": {}, "/d": {}, "/e": {}}}),
        (["WORKDIR /a", "WORKDIR b/../c"], {"WorkingDir": "/a/c"}),
        (["USER 1000:1000", "STOPSIGNAL SIGTERM"], {"User": "1000:1000", "StopSignal": "SIGTERM"}),
        (["ONBUILD RUN a", "ONBUILD COPY . ."], {"OnBuild": ["RUN a", "COPY . ."]}),
    ],
)  # fmt: skip
def test_what_changes_set(changes, config):
    assert config_from(changes) == config


@pytest.mark.parametrize(
    "change, error",
    [
        ("RUN x", "Error: run is not a valid change command"),
        ("", "Error: '' is not a valid change command"),
        ("CMD", "Error: CMD requires at least one argument"),
        ("ENV A", "Error: ENV must have two arguments"),
        ("ENV A=b C", "Error: ENV: 'C' must be of the form name=value"),
        ("ENV A='b", "Error: ENV A='b: no closing quotation"),
        ("EXPOSE web", "Error: invalid containerPort: web"),
        ("EXPOSE 70000", "Error: invalid containerPort: 70000"),
        ("EXPOSE 90-80", "Error: invalid containerPort: 90-80"),
    ],
)
def test_changes_that_are_wrong(change, error):
    with pytest.raises(Failed) as caught:
        config_from([change])
    assert caught.value.message.startswith(error)
