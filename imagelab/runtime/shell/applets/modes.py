"""Permission bits as chmod takes them, and as ls and stat show them."""

from __future__ import annotations

import re

from ..commands import UsageError

_WHO = {"u": 0o4700, "g": 0o2070, "o": 0o1007}
_BITS = {"r": 0o444, "w": 0o222, "x": 0o111, "s": 0o6000, "t": 0o1000}


def mode_of(text: str, now: int, umask: int, *, folder: bool) -> int:
    """The mode that a text such as 755, u+x or go=rX makes of the one that there is now. Raises UsageError."""
    if re.fullmatch(r"[0-7]{1,5}", text):
        return int(text, 8) & 0o7777
    for clause in text.split(","):
        match = re.fullmatch(r"([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)", clause)
        if not match:
            raise UsageError(f"invalid mode '{text}'")
        who = match[1] or ""
        mask = 0o7777 if not who or "a" in who else 0
        for letter in who.replace("a", ""):
            mask |= _WHO[letter]
        for sign, letters in re.findall(r"([-+=])([rwxXstugo]*)", match[2]):
            bits = 0
            for letter in letters:
                if letter in "ugo":
                    of_one = now >> {"u": 6, "g": 3, "o": 0}[letter] & 7
                    bits |= of_one << 6 | of_one << 3 | of_one
                elif letter == "X":
                    bits |= 0o111 if folder or now & 0o111 else 0
                else:
                    bits |= _BITS[letter]
            if not who:
                bits &= ~umask
            if not who or who == "a":
                bits &= ~0o1000 if "t" not in letters else ~0
            bits &= mask
            if sign == "=":
                now &= ~(mask & 0o777)
            now = now & ~bits if sign == "-" else now | bits
    return now
