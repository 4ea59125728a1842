"""The fields of docker's API for an image and for a container, by name and in order.

A template sees exactly these fields, the unset ones empty. Fields about what imagelab does not have (storage drivers,
cgroups, networks) are empty.

Follows moby's types.ImageInspect and types.ContainerJSON, 20.10.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..analysis import docker_stores
from ..errors import NotFound
from ..golang.template import Map, NilList, NilPointer, Struct
from ..volumes.mount import anonymous_paths
from ..volumes.place import source_of
from .host_settings import host_config, network_settings

if TYPE_CHECKING:
    from ..containers import Container
    from ..lab import Lab
    from ..oci.image import Image
    from ..volumes.mount import Mount

_ZERO_TIME = "0001-01-01T00:00:00Z"
_DRIVER = "imagelab"


class _Loose(Struct):
    """A Struct whose JSON omits some fields while they are unset, and has `Id` for `ID`."""

    __slots__ = ()
    optional = (
        "ExposedPorts", "Healthcheck", "ArgsEscaped", "NetworkDisabled", "MacAddress", "StopSignal", "StopTimeout",
        "Shell", "Variant", "OsVersion", "BaseLayer", "Layers",
    )  # fmt: skip

    def json_items(self) -> Iterator[tuple[str, Any]]:
        for name, value in self.items():
            if name not in self.optional or value:
                yield "Id" if name == "ID" else name, value


def repo_digests(image: Image, names: Sequence[str], lab: Lab, *, as_29: bool) -> list[str]:
    """Every name@digest of an image: the classic store learns them at a push or a pull.

    The containerd store knows the manifest's digest from the start; where the registry has another, that is the one
    to pull by.
    """
    known = [name.familiar for name in lab.repo_digests(image)]
    if not as_29:
        return known
    repositories = dict.fromkeys(name.rpartition(":")[0] for name in names)
    pushed = {text.partition("@")[0] for text in known}
    return [*known, *(f"{name}@{image.digest}" for name in repositories if name not in pushed)]


def image_described(image: Image, names: Sequence[str], lab: Lab, *, as_29: bool = False) -> Struct:
    """An image with these names as docker's API describes it; a template sees exactly these fields.

    With `as_29`, ID and Size are those of Docker 29's containerd store (moby's daemon/containerd/image_inspect.go).
    """
    config = image.config
    id_, size = (image.digest, docker_stores.content_size(image)) if as_29 else (image.id, image.size)
    comment = config.get("comment") or (image.steps[-1].comment if image.steps else "")
    return _Loose(
        "types.ImageInspect",
        ID=str(id_),
        RepoTags=list(names),
        RepoDigests=repo_digests(image, names, lab, as_29=as_29),
        Parent=str(image.parent.id) if image.parent and not as_29 else "",
        Comment=comment,
        Created=image.created or _ZERO_TIME,
        Container=config.get("container") or "",
        ContainerConfig=_config(config.get("container_config") or {}),
        DockerVersion=config.get("docker_version") or "",
        Author=config.get("author") or "",
        Config=_config(config.get("config") or {}),
        Architecture=image.architecture,
        Variant=config.get("variant") or "",
        Os=image.os,
        OsVersion=config.get("os.version") or "",
        Size=size,
        VirtualSize=size,
        GraphDriver=_driver(Map(None)),
        RootFS=_Loose("types.RootFS", Type="layers", Layers=[str(d) for d in image.diff_ids], BaseLayer=""),
        Metadata=Struct("image.Metadata", LastTagTime=_last_tagged(names, lab)),
    )


def _config(settings: dict[str, Any]) -> Struct:
    """The config of a container or image: all of docker's settings, in docker's order."""

    def a_list(name: str) -> list[Any]:
        value = settings.get(name)
        return NilList() if value is None else value

    def a_set(name: str) -> Map:
        value = settings.get(name)
        return Map(None if value is None else {key: Struct() for key in value}, Struct())

    return _Loose(
        "container.Config",
        Hostname=settings.get("Hostname") or "",
        Domainname=settings.get("Domainname") or "",
        User=settings.get("User") or "",
        AttachStdin=bool(settings.get("AttachStdin")),
        AttachStdout=bool(settings.get("AttachStdout")),
        AttachStderr=bool(settings.get("AttachStderr")),
        ExposedPorts=a_set("ExposedPorts"),
        Tty=bool(settings.get("Tty")),
        OpenStdin=bool(settings.get("OpenStdin")),
        StdinOnce=bool(settings.get("StdinOnce")),
        Env=a_list("Env"),
        Cmd=a_list("Cmd"),
        Healthcheck=settings.get("Healthcheck") or NilPointer(),
        ArgsEscaped=bool(settings.get("ArgsEscaped")),
        Image=settings.get("Image") or "",
        Volumes=a_set("Volumes"),
        WorkingDir=settings.get("WorkingDir") or "",
        Entrypoint=a_list("Entrypoint"),
        NetworkDisabled=bool(settings.get("NetworkDisabled")),
        MacAddress=settings.get("MacAddress") or "",
        OnBuild=a_list("OnBuild"),
        Labels=Map(settings.get("Labels")),
        StopSignal=settings.get("StopSignal") or "",
        StopTimeout=settings.get("StopTimeout") or NilPointer(),
        Shell=a_list("Shell"),
    )


def _last_tagged(names: Sequence[str], lab: Lab) -> str:
    """When one of the names was last set, according to the tag log; Go's zero time if never."""
    times = [move.time for name in names for move in lab.tag_log(name)[-1:]]
    return max(times, default="") or _ZERO_TIME


def container_described(one: Container, sized: bool, *, as_29: bool = False) -> Struct:
    """A container as docker's API describes it; with `sized`, its files' sizes too, and `as_29` as for an image."""
    spec, state = one.spec, one.state
    sizes = {}
    if sized:
        own = docker_stores.blocks(one.changes()) if as_29 else one.layer_size
        below = docker_stores.unpacked_size(one.image) if as_29 else one.image.size
        sizes = {"SizeRw": own, "SizeRootFs": own + below}
    return _Loose(
        "types.ContainerJSON",
        ID=one.id,
        Created=spec.created,
        Path=one.argv[0] if one.argv else "",
        Args=list(one.argv[1:]),
        State=Struct(
            "types.ContainerState",
            Status=state.status,
            Running=state.status == "running",
            Paused=False,
            Restarting=False,
            OOMKilled=False,
            Dead=state.status == "dead",
            Pid=state.pid or 0,
            ExitCode=state.exit_code,
            Error=state.error,
            StartedAt=state.started or _ZERO_TIME,
            FinishedAt=state.finished or _ZERO_TIME,
        ),
        Image=str(one.image_digest if as_29 else one.image_id),
        ResolvConfPath="",
        HostnamePath="",
        HostsPath="",
        LogPath=str(one.log_path) if state.started else "",
        Name=f"/{one.name}",
        RestartCount=0,
        Driver=_DRIVER,
        Platform="linux",
        MountLabel="",
        ProcessLabel="",
        AppArmorProfile="",
        ExecIDs=NilList(),
        HostConfig=host_config(spec, state.runtime or spec.runtime),
        GraphDriver=_driver(Map({"MergedDir": str(one.root)})),
        **sizes,
        Mounts=[_mount(mount, one) for mount in spec.mounts if mount.flag != "--tmpfs"],
        Config=_config({
            "Hostname": spec.hostname, "User": spec.user, "AttachStdin": False, "AttachStdout": True,
            "AttachStderr": True, "OpenStdin": spec.interactive, "StdinOnce": spec.interactive, "Env": spec.env_lines,
            "Cmd": list(spec.command) or None, "Image": spec.image_name, "WorkingDir": spec.workdir,
            "Entrypoint": list(spec.entrypoint) or None, "Labels": dict(spec.labels), **_from_image(one),
            "Volumes": _volumes(one),
        }),
        NetworkSettings=network_settings(),
    )  # fmt: skip


def _mount(mount: Mount, one: Container) -> Struct:
    """A mount as docker's API describes it (moby's types.MountPoint)."""
    is_volume = mount.type == "volume"
    mode = mount.mode or ("z" if is_volume and (mount.flag == "--mount" or not mount.anonymous) else "")
    return _MountPoint(
        "types.MountPoint", Type=mount.type, Name=mount.source if is_volume else "", Source=source_of(mount, one.home),
        Destination=mount.target, Driver="local" if is_volume else "", Mode="" if mount.flag == "from" else mode,
        RW=not mount.readonly, Propagation="rprivate" if mount.type == "bind" else "",
    )  # fmt: skip


class _MountPoint(Struct):
    """A Struct whose JSON omits the name and the driver of what is no volume."""

    __slots__ = ()

    def json_items(self) -> Iterator[tuple[str, Any]]:
        return ((name, value) for name, value in self.items() if value or name not in ("Name", "Driver"))


def _driver(data: Map) -> Struct:
    return Struct("types.GraphDriverData", Data=data, Name=_DRIVER)


def _volumes(one: Container) -> dict[str, Any] | None:
    """The paths that become anonymous volumes: the image's, and its own."""
    of_image = _from_image(one).get("Volumes") or {}
    return {**of_image, **{path: {} for path in anonymous_paths(one.spec.mounts)}} or None


def _from_image(one: Container) -> dict[str, Any]:
    """The settings that a container takes over from its image unchanged."""
    try:
        config = one.image.config.get("config") or {}
    except NotFound:
        return {}
    names = ("ExposedPorts", "Volumes", "OnBuild", "Healthcheck", "StopSignal")
    return {name: config[name] for name in names if name in config}
