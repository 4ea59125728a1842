"""The limits, rights and networks of a container as docker's API describes them: the same for every container here.

Every field of Docker is present with a value of its type; 0 means that a limit is not configurable.

Follows moby's container.HostConfig and types.NetworkSettings, 20.10.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..golang.template import Map, NilList, NilPointer, Struct

if TYPE_CHECKING:
    from ..containers.record import Spec
    from ..volumes.mount import Mount


class _HostConfig(Struct):
    """A Struct whose JSON spells abbreviations differently from its fields, and omits mounts that are not there."""

    __slots__ = ()

    def json_items(self) -> Iterator[tuple[str, Any]]:
        for name, value in self.items():
            if name in ("Mounts", "Tmpfs") and not value:
                continue
            yield re.sub("^DNS|CPU", lambda match: match[0].capitalize(), name), value


def host_config(spec: Spec, runtime: str) -> Struct:
    """The HostConfig of a container; `runtime` is "" if it has not run yet."""
    from ..runtime.bubblewrap import MASKED, READ_ONLY

    hides = runtime in ("", "bubblewrap")  # the others show their programs no /proc and no /sys
    return _HostConfig(
        "container.HostConfig",
        Binds=list(spec.binds) or NilList(),
        ContainerIDFile="",
        LogConfig=Struct("container.LogConfig", Type="json-file", Config=Map({})),
        NetworkMode="none",
        PortBindings=Map({}),
        RestartPolicy=Struct("container.RestartPolicy", Name="no", MaximumRetryCount=0),
        AutoRemove=spec.remove,
        VolumeDriver="",
        VolumesFrom=list(spec.volumes_from) or NilList(),
        CapAdd=NilList(),
        CapDrop=NilList(),
        CgroupnsMode="private",
        DNS=[],
        DNSOptions=[],
        DNSSearch=[],
        ExtraHosts=NilList(),
        GroupAdd=NilList(),
        IpcMode="private",
        Cgroup="",
        Links=NilList(),
        OomScoreAdj=0,
        PidMode="",
        Privileged=False,
        PublishAllPorts=False,
        ReadonlyRootfs=spec.read_only,
        SecurityOpt=NilList(),
        Tmpfs=Map({one.target: one.options for one in spec.mounts if one.flag == "--tmpfs"} or None),
        UTSMode="",
        UsernsMode="",
        ShmSize=0,
        Runtime=runtime,
        ConsoleSize=[0, 0],
        Isolation="",
        CPUShares=0,
        Memory=0,
        NanoCPUs=0,
        CgroupParent="",
        BlkioWeight=0,
        BlkioWeightDevice=[],
        BlkioDeviceReadBps=NilList(),
        BlkioDeviceWriteBps=NilList(),
        BlkioDeviceReadIOps=NilList(),
        BlkioDeviceWriteIOps=NilList(),
        CPUPeriod=0,
        CPUQuota=0,
        CPURealtimePeriod=0,
        CPURealtimeRuntime=0,
        CpusetCpus="",
        CpusetMems="",
        Devices=[],
        DeviceCgroupRules=NilList(),
        DeviceRequests=NilList(),
        KernelMemory=0,
        KernelMemoryTCP=0,
        MemoryReservation=0,
        MemorySwap=0,
        MemorySwappiness=NilPointer(),
        OomKillDisable=False,
        PidsLimit=NilPointer(),
        Ulimits=NilList(),
        CPUCount=0,
        CPUPercent=0,
        IOMaximumIOps=0,
        IOMaximumBandwidth=0,
        Mounts=[_mount(mount) for mount in spec.mounts if mount.flag == "--mount"] or NilList(),
        MaskedPaths=list(MASKED) if hides else [],
        ReadonlyPaths=list(READ_ONLY) if hides else [],
    )


class _Mount(Struct):
    """A Struct whose JSON omits what is empty."""

    __slots__ = ()

    def json_items(self) -> Iterator[tuple[str, Any]]:
        return ((name, value) for name, value in self.items() if value)


def _mount(mount: Mount) -> Struct:
    """A mount as --mount asked for it (moby's mount.Mount)."""
    tmpfs = {"SizeBytes": mount.tmpfs_size, "Mode": mount.tmpfs_mode if "mode=" in mount.options else 0}
    options = _Mount("mount.TmpfsOptions", **tmpfs) if mount.options else None
    return _Mount(
        "mount.Mount", Type=mount.type, Source="" if mount.anonymous else mount.source, Target=mount.target,
        ReadOnly=mount.readonly, VolumeOptions=_Mount("mount.VolumeOptions", NoCopy=True) if mount.nocopy else None,
        TmpfsOptions=options,
    )  # fmt: skip


def network_settings() -> Struct:
    """The NetworkSettings of a container: the network `none`."""
    address = {"Gateway": "", "IPAddress": "", "IPPrefixLen": 0, "IPv6Gateway": ""}
    return Struct(
        "types.NetworkSettings",
        Bridge="",
        SandboxID="",
        HairpinMode=False,
        LinkLocalIPv6Address="",
        LinkLocalIPv6PrefixLen=0,
        Ports=Map({}),
        SandboxKey="",
        SecondaryIPAddresses=NilList(),
        SecondaryIPv6Addresses=NilList(),
        EndpointID="",
        Gateway="",
        GlobalIPv6Address="",
        GlobalIPv6PrefixLen=0,
        IPAddress="",
        IPPrefixLen=0,
        IPv6Gateway="",
        MacAddress="",
        Networks=Map({
            "none": Struct(
                "network.EndpointSettings", IPAMConfig=NilPointer(), Links=NilList(), Aliases=NilList(), NetworkID="",
                EndpointID="", **address, GlobalIPv6Address="", GlobalIPv6PrefixLen=0, MacAddress="",
                DriverOpts=Map(None),
            )
        }),
    )  # fmt: skip
