"""Errors for docker's commands and flags that imagelab does not have, with what to do instead.

Ignoring such a flag would only move the failure to a later place, where its cause is hard to find.
"""

from __future__ import annotations

import re

_OTHERS = re.compile(
    "checkpoint|compose|config|context|events|network|node|plugin|secret|service|stack|swarm"
)
_VERBS = {
    "bake": "use {top} build, once for each target",
    "imagetools": "use {top} manifest inspect",
    "attach": "use {top} logs -f for its output, and {top} start -ai to give it input",
    "pause": "use {top} stop, which keeps the container's files, and {top} start to run it again",
    "port": "containers have no network; use {top} exec and {top} cp",
    "search": "registries of today have no search; {top} registry ls HOST lists what one has",
    "stats": "use ps or top of this machine; the PID is in {top} inspect --format '{{{{.State.Pid}}}}'",
    "top": "use {top} exec CONTAINER ps",
    "trust": "imagelab checks digests, and no signatures; pin an image with NAME@DIGEST",
    "unpause": "imagelab has no paused containers; {top} start runs a stopped one again",
    "update": "the limits are the same for every container and cannot be changed",
}


def verb_instead(name: str, top: str, group: str = "") -> str | None:
    """The alternative to a docker command that imagelab does not have; None for a name that is not docker's."""
    if group == "buildx" and name in ("create", "inspect", "ls", "rm", "stop", "use"):
        return _WHY["one_builder"]
    if name in _VERBS:
        return _VERBS[name].format(top=top)
    return "imagelab covers only images, containers and volumes" if _OTHERS.fullmatch(name) else None


def _flags(**flags: str) -> dict[str, str]:
    """{flag: its alternative}, from {a key of _WHY: flags}."""
    return {name: _WHY[why] for why, names in flags.items() for name in names.split()}


_WHY = {
    "terminal": "a container here has no terminal; without -t, -i hands on what is piped or typed",
    "network": "a container here has no network",
    "files": "the writable layer and /dev/shm are limited by the disk alone",
    "drivers": "volumes are folders of the store, of the driver local",
    "limits": "the limits on time, memory, processes and disk are the same for every container",
    "rights": "a container has docker's default capabilities, which cannot be changed",
    "namespaces": "each container has namespaces of its own",
    "init": "a container's first process is its own program",
    "restart": "start the container again with start",
    "attach": "standard output and error are attached unless -d is given, standard input with -i",
    "health": "set it in the image with HEALTHCHECK; imagelab runs no health checks",
    "signal": "set it in the image with STOPSIGNAL",
    "grace": "use stop -t",
    "log": "each container has one log, with a limit on its size",
    "labels": "use --label",
    "trust": "imagelab checks digests, and no signatures",
    "checkpoint": "imagelab has no checkpoints",
    "links": "containers have no links",
    "background": "start background programs from the container's main command",
    "user": "exec runs as the container's user, set with run -u",
    "details": "log lines have no extra attributes",
    "cache": "the cache is in the store, and every build uses it",
    "attested": "imagelab makes no attestations",
    "annotated": "use --label, or mutate in Python",
    "no_ssh": "no ssh agent is forwarded to a build; copy the files in, or use --secret",
    "one_builder": "there is one builder, in the store",
    "contexts": "use a stage, or an image by its name, as FROM or COPY --from",
    "rights_in_build": "a RUN has docker's default capabilities and no network, which cannot be changed",
    "all_caches": "every cache directory that no build is using is removed",
    "metadata": "use --iidfile for the ID, and inspect for the rest",
    "some_cached": "use --no-cache for all stages",
    "called": "use --check for the checks; outline and targets are not there",
}  # fmt: skip
RUN = _flags(
    terminal="-t --tty --detach-keys",
    network="-p -P --publish --publish-all --expose --add-host --dns --dns-opt --dns-option --dns-search --domainname "
    "--ip --ip6 --link --link-local-ip --mac-address --net-alias --network-alias",
    files="--storage-opt --shm-size",
    drivers="--volume-driver",
    limits="-m --memory --memory-reservation --memory-swap --memory-swappiness --kernel-memory --oom-kill-disable "
    "--oom-score-adj -c --cpu-shares --cpu-count --cpu-percent --cpu-period --cpu-quota --cpu-rt-period "
    "--cpu-rt-runtime --cpus --cpuset-cpus --cpuset-mems --blkio-weight --blkio-weight-device --device-read-bps "
    "--device-read-iops --device-write-bps --device-write-iops --io-maxbandwidth --io-maxiops --pids-limit --ulimit",
    rights="--privileged --cap-add --cap-drop --security-opt --device --device-cgroup-rule --gpus --group-add --sysctl",
    namespaces="--ipc --pid --uts --userns --cgroupns --cgroup-parent --isolation",
    init="--init",
    restart="--restart",
    attach="-a --attach --sig-proxy",
    health="--health-cmd --health-interval --health-retries --health-start-period --health-timeout --no-healthcheck",
    signal="--stop-signal",
    grace="--stop-timeout",
    log="--log-driver --log-opt",
    labels="--label-file",
    trust="--disable-content-trust",
)
BUILD = _flags(
    cache="--cache-to",
    attested="--attest",
    annotated="--annotation",
    no_ssh="--ssh",
    one_builder="--builder",
    contexts="--build-context",
    rights_in_build="--allow --add-host",
    metadata="--metadata-file",
    some_cached="--no-cache-filter",
    called="--call",
)
BUILDER_PRUNE = _flags(all_caches="--filter --keep-storage")
START = _flags(terminal="--detach-keys", checkpoint="--checkpoint --checkpoint-dir")
EXEC = _flags(terminal="-t --tty --detach-keys", rights="--privileged", background="-d --detach", user="-u --user")
RM = _flags(links="-l --link")
VOLUME_CREATE = _flags(
    drivers="-o --opt --availability --group --limit-bytes --required-bytes --scope --secret --sharing --type"
)
LOGS = _flags(details="--details")
