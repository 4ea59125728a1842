"""Errors for docker's commands and flags that imagelab does not have, with what to do instead.

A flag that is ignored would be a promise that is broken later, and elsewhere.
"""

from __future__ import annotations

import re

_REGISTRIES = re.compile("login|logout|manifest|search|trust")
_ELSEWHERE = re.compile(
    "builder|buildx|checkpoint|compose|config|context|events|network|node|plugin|secret|service|stack|swarm|volume"
)
_VERBS = {
    "attach": "see what a container prints with {top} logs -f; give it input when it starts, with {top} start -ai",
    "pause": "a container here runs or it does not: {top} stop keeps its files, {top} start goes on with them",
    "port": "a container here has no network: reach it with {top} exec and {top} cp",
    "pull": "not yet; to bring an image here, use: docker save, then {top} load",
    "push": "not yet; to take an image elsewhere, use: {top} save, then docker load",
    "rename": "a container keeps its name: {top} commit it, and {top} create another of that image",
    "restart": "do it in two steps: {top} stop, then {top} start",
    "stats": "look at the process itself; its number is in {top} inspect --format '{{{{.State.Pid}}}}'",
    "top": "ask inside: {top} exec CONTAINER ps",
    "unpause": "a container here runs or it does not: {top} start goes on with its files",
    "update": "the limits are the same for every container, and do not change",
}


def verb_instead(name: str, top: str) -> str | None:
    """What to do in the place of a verb of docker's that is not here; None for a word that docker has not either."""
    if name in _VERBS:
        return _VERBS[name].format(top=top)
    if _REGISTRIES.fullmatch(name):
        return f"there are no registries yet; images travel with {top} save and {top} load"
    return "imagelab is about images and containers, and leaves this to docker" if _ELSEWHERE.fullmatch(name) else None


def _flags(**told: str) -> dict[str, str]:
    """{flag: what to do instead}, from {what to do instead: flags}."""
    return {name: _WHY[why] for why, names in told.items() for name in names.split()}


_WHY = {
    "terminal": "a container here has no terminal; without -t, -i hands on what is piped or typed",
    "network": "a container here has no network",
    "files": "put files into the container with cp, or into its image with COPY",
    "limits": "the limits on time, memory, processes and disk are the same for every container",
    "rights": "a container here has docker's default rights and no others",
    "apart": "each container has namespaces of its own",
    "init": "a container's first process is its own program",
    "restart": "start it again with start",
    "attach": "standard output and error are attached unless -d is given, standard input with -i",
    "health": "give it to the image, with HEALTHCHECK; nobody checks it here",
    "signal": "give it to the image, with STOPSIGNAL",
    "grace": "give it to stop, with -t",
    "log": "each container has one log, with a limit on its size",
    "cidfile": "the ID is what create and run -d print",
    "labels": "give labels with --label",
    "trust": "nothing is pulled",
    "checkpoint": "there are no checkpoints",
    "links": "there are no links",
    "background": "what exec starts ends with it; in the background, the container's own program can start it",
    "user": "a second program runs as the container's user, which run -u says",
    "details": "a line of a log has no details here",
}  # fmt: skip
RUN = _flags(
    terminal="-t --tty --detach-keys",
    network="-p -P --publish --publish-all --expose --add-host --dns --dns-opt --dns-option --dns-search --domainname "
    "--ip --ip6 --link --link-local-ip --mac-address --net-alias --network-alias",
    files="-v --volume --volumes-from --volume-driver --mount --tmpfs --read-only --storage-opt --shm-size",
    limits="-m --memory --memory-reservation --memory-swap --memory-swappiness --kernel-memory --oom-kill-disable "
    "--oom-score-adj -c --cpu-shares --cpu-count --cpu-percent --cpu-period --cpu-quota --cpu-rt-period "
    "--cpu-rt-runtime --cpus --cpuset-cpus --cpuset-mems --blkio-weight --blkio-weight-device --device-read-bps "
    "--device-read-iops --device-write-bps --device-write-iops --io-maxbandwidth --io-maxiops --pids-limit --ulimit",
    rights="--privileged --cap-add --cap-drop --security-opt --device --device-cgroup-rule --gpus --group-add --sysctl",
    apart="--ipc --pid --uts --userns --cgroupns --cgroup-parent --isolation",
    init="--init",
    restart="--restart",
    attach="-a --attach --sig-proxy",
    health="--health-cmd --health-interval --health-retries --health-start-period --health-timeout --no-healthcheck",
    signal="--stop-signal",
    grace="--stop-timeout",
    log="--log-driver --log-opt",
    cidfile="--cidfile",
    labels="--label-file",
    trust="--disable-content-trust",
)
START = _flags(terminal="--detach-keys", checkpoint="--checkpoint --checkpoint-dir")
EXEC = _flags(terminal="-t --tty --detach-keys", rights="--privileged", background="-d --detach", user="-u --user")
RM = _flags(links="-l --link")
LOGS = _flags(details="--details")
