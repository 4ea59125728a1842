"""One file by its URL, for `ADD https://…`: over the same transport as a registry, with its limits and certificates.

No credentials are sent. Follows BuildKit's HTTP source (source/http): a status that is not 200 is an error.
"""

from __future__ import annotations

from contextlib import closing
from email.utils import parsedate_to_datetime
from typing import BinaryIO
from urllib.parse import urlsplit

from ...errors import LabError
from .failure import Unreachable
from .transport import Transport
from .trust import Trust

_HINT = "ADD of a URL needs the network: without it, download the file once and COPY it"


def get(url: str, to: BinaryIO, limit: int) -> int:
    """Write what a URL has to a file; returns its Last-Modified in seconds since 1970, or 0.

    Raises Unreachable where there is no answer, or one that breaks off, and LabError for another status than 200, more
    than `limit` bytes, or something that is no URL with a host.
    """
    try:
        host = urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        host = ""
    if not host:
        raise LabError(f"{url}: not a URL: expected one such as https://host/file")
    transport = Transport(Trust(host))
    with closing(transport):
        try:
            answer = transport.request("GET", url)
            with closing(answer):
                if answer.status != 200:
                    raise LabError(f"{url}: invalid response status {answer.status}: expected 200 and the file")
                for piece in answer.pieces():
                    if (limit := limit - len(piece)) < 0:
                        raise LabError(f"{url}: the file is too large: it has more bytes than the limit of a build")
                    to.write(piece)
        except Unreachable as error:
            raise Unreachable(error.words, _HINT) from None
    try:
        return max(0, int(parsedate_to_datetime(answer.headers.get("Last-Modified", "")).timestamp()))
    except ValueError:
        return 0
