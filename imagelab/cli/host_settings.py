"""The limits, rights and networks of a container as docker's API describes them: the same for every container here.

Every field of Docker is present with a value of its type; 0 means that a limit is not configurable.

Follows moby's container.HostConfig and types.NetworkSettings, 20.10.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..golang.template import Map, NilList, NilPointer, Struct


class _HostConfig(Struct):
    """A Struct whose JSON spells abbreviations differently from its fields: `DnsSearch` for `DNSSearch`."""

    __slots__ = ()

    def json_items(self) -> Iterator[tuple[str, Any]]:
        for name, value in self.items():
            yield re.sub("^DNS|CPU", lambda match: match[0].capitalize(), name), value


def host_config(*, remove: bool, runtime: str) -> Struct:
    """The HostConfig of a container; `runtime` is "" if it has not run yet."""
    from ..runtime.bubblewrap import MASKED, READ_ONLY

    hides = runtime in ("", "bubblewrap")  # the others show their programs no /proc and no /sys
    return _HostConfig(
        "container.HostConfig",
        Binds=NilList(),
        ContainerIDFile="",
        LogConfig=Struct("container.LogConfig", Type="json-file", Config=Map({})),
        NetworkMode="none",
        PortBindings=Map({}),
        RestartPolicy=Struct("container.RestartPolicy", Name="no", MaximumRetryCount=0),
        AutoRemove=remove,
        VolumeDriver="",
        VolumesFrom=NilList(),
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
        ReadonlyRootfs=False,
        SecurityOpt=NilList(),
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
        MaskedPaths=list(MASKED) if hides else [],
        ReadonlyPaths=list(READ_ONLY) if hides else [],
    )


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
