"""`docker version` and `docker info`.

Client and server are one program here. Heavy modules are imported where they are used, so that `imagelab version` is
fast.

Follows docker/cli (system/version.go, system/info.go), version 20.10.
"""

from __future__ import annotations

import platform
import sys
from collections import Counter
from datetime import UTC, datetime

from .. import __version__, units
from .command import Session, option, say, verb


@verb()
@option("-f", "--format", "template", kind="string", help="Format the output using the given Go template")
def version(session: Session, args: tuple[str, ...], template: str | None) -> None:
    """Show the imagelab version information."""
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    fields = {"Version": __version__, "PythonVersion": platform.python_version(), "Os": sys.platform, "Arch": arch}
    if template:
        from ..golang.template import Struct
        from .table import print_value

        both = {"Client": Struct("system.clientVersion", **fields), "Server": Struct("types.Version", **fields)}
        print_value(Struct("system.versionInfo", **both), template)
        return
    say(
        f"imagelab:\n Version:           {__version__}\n Python version:    {fields['PythonVersion']}\n"
        f" OS/Arch:           {sys.platform}/{arch}\n"
    )


@verb()
@option("-f", "--format", "template", kind="string", help="Format the output using the given Go template")
def info(session: Session, args: tuple[str, ...], template: str | None) -> None:
    """Display system-wide information."""
    from ..runtime.program import RUNTIMES, named

    lab = session.lab
    os_, _, architecture = lab.platform.partition("/")
    images = {image.id for image in lab.images(all=True)}
    states = Counter(one.status for one in lab.containers())
    counts = {"running": states["running"], "paused": 0, "stopped": states.total() - states["running"]}
    runtimes = {name: named(name) for name in RUNTIMES}
    if template:
        from ..golang.template import Map, Struct
        from .table import print_value

        fields = Struct(
            "system.info", Containers=states.total(), ContainersRunning=counts["running"], ContainersPaused=0,
            ContainersStopped=counts["stopped"], Images=len(images), Driver="oci-layout", OSType=os_,
            Architecture=architecture, DockerRootDir=str(lab.home), ServerVersion=__version__,
            Name=platform.node(),
            Runtimes=Map({
                name: Struct(
                    "types.Runtime", Missing=each.missing(), Isolates=each.ISOLATES, Shares=each.SHARES,
                    EnforcedBy=each.enforced_by(),
                )
                for name, each in runtimes.items()
            }),
        )  # fmt: skip
        print_value(fields, template)
        return
    seconds = lab.epoch
    epoch = "none" if seconds is None else f"{seconds} ({units.rfc3339(datetime.fromtimestamp(seconds, UTC))})"
    say(
        f"Containers: {states.total()}\n"
        + "".join(f" {name.capitalize()}: {count}\n" for name, count in counts.items())
        + f"Images: {len(images)}\nServer Version: {__version__}\n"
        f"Storage Driver: oci-layout\nOSType: {os_}\nArchitecture: {architecture}\n"
        f"Docker Root Dir: {lab.home}\nEpoch: {epoch}\nRuntimes:\n"
    )
    for name, each in runtimes.items():
        missing = each.missing()
        say(f" {name}: {f'not on this machine: {missing}' if missing else 'ready'}\n")
        say(f"  Isolates: {each.ISOLATES}\n")
        say("" if missing else f"  Enforced by: {each.enforced_by()}\n")
        say(f"  Shares: {each.SHARES}\n")
