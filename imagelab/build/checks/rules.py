"""The rules of BuildKit's build checks, in its words, and which of them a Dockerfile switches off.

Follows BuildKit (frontend/dockerfile/linter): each rule has a name, and a page that explains it on docs.docker.com.
The comment `# check=skip=NAME,NAME;error=true` at the top of a Dockerfile skips rules, or makes of warnings an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ...errors import LabError
from ...shown import Displayed

# name → the message, whose words in braces are filled in
MESSAGES = {
    "StageNameCasing": "Stage name '{0}' should be lowercase",
    "FromAsCasing": "'{1}' and '{0}' keywords' casing do not match",
    "NoEmptyContinuation": "Empty continuation line",
    "ConsistentInstructionCasing": "Command '{0}' should match the case of the command majority ({1})",
    "DuplicateStageName": 'Duplicate stage name "{0}", stage names should be unique',
    "ReservedStageName": 'Stage name should not use the same name as reserved stage "{0}"',
    "JSONArgsRecommended": "JSON arguments recommended for {0} to prevent unintended behavior related to OS signals",
    "MaintainerDeprecated": "Maintainer instruction is deprecated in favor of using label",
    "UndefinedArgInFrom": "FROM argument '{0}' is not declared{1}",
    "WorkdirRelativePath": 'Relative workdir "{0}" can have unexpected results if the base image changes',
    "UndefinedVar": "Usage of undefined variable '${0}'{1}",
    "MultipleInstructionsDisallowed": "Multiple {0} instructions should not be used in the same stage because only the "
    "last one will be used",
    "LegacyKeyValueFormat": '"{0} key=value" should be used instead of legacy "{0} key value" format',
    "InvalidBaseImagePlatform": 'Base image {0} was pulled with platform "{2}", expected "{1}" for current build',
    "RedundantTargetPlatform": "Setting platform to predefined {0} in FROM is redundant as this is the default "
    "behavior",
    "SecretsUsedInArgOrEnv": 'Do not use ARG or ENV instructions for sensitive data ({0} "{1}")',
    "InvalidDefaultArgInFrom": "Default value for ARG {0} results in empty or invalid base image name",
    "FromPlatformFlagConstDisallowed": 'FROM --platform flag should not use constant value "{0}"',
    "CopyIgnoredFile": 'Attempting to {0} file "{1}" that is excluded by .dockerignore',
    "ExposeProtoCasing": "Defined protocol '{0}' in EXPOSE instruction should be lowercase",
    "ExposeInvalidFormat": "EXPOSE instruction should not define an IP address or host-port mapping, found '{0}'",
}
_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*")
_DIRECTIVES = ("syntax", "escape", "check")


@dataclass(frozen=True, slots=True, order=True)
class Warning(Displayed):
    """What one rule finds in a file, the lines it is about, and an excerpt that shows them."""

    line: int
    last: int
    rule: str
    message: str
    file: str
    excerpt: str

    def __str__(self) -> str:
        """As BuildKit prints it after a build."""
        return f"{self.rule}: {self.message} (line {self.line})"

    @property
    def url(self) -> str:
        """The page that explains the rule; "" for one without."""
        if self.rule == "InvalidBaseImagePlatform":
            return ""
        name = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", self.rule).lower()
        return f"https://docs.docker.com/go/dockerfile/rule/{name}/"


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """What `# check=` says: rules to skip, and whether a warning is an error."""

    skip: frozenset[str] = field(default_factory=frozenset)
    skip_all: bool = False
    error: bool = False


def settings_of(text: str) -> CheckSettings:
    """Read the `# check=` at the top of a Dockerfile's text; raises LabError for a malformed one."""
    for line in text.lstrip("\ufeff").splitlines():
        directive = _DIRECTIVE.fullmatch(line)
        if not directive or directive[1].lower() not in _DIRECTIVES:
            break
        if directive[1].lower() == "check":
            return _settings(directive[2])
    return CheckSettings()


def _settings(text: str) -> CheckSettings:
    values: dict[str, str] = {}
    for part in text.split(";"):
        key, equals, value = (word.strip() for word in part.partition("="))
        if not equals or key not in ("skip", "error", "experimental"):
            what = key if equals else part
            why = f'invalid check option "{what}": expected skip=NAME,NAME or error=true'
            raise LabError(f"failed to parse check options: {why}")
        values[key] = value
    skip = frozenset(name.strip() for name in values.get("skip", "").split(","))
    if values.get("error", "false").lower() not in ("true", "false", "1", "0"):
        raise LabError(f'failed to parse check option "error={values["error"]}": expected true or false')
    return CheckSettings(skip, values.get("skip") == "all", values.get("error", "").lower() in ("true", "1"))


def excerpt(text: str, first: int, last: int) -> str:
    """Lines of a file, marked, and some around them, as BuildKit prints them (solver/errdefs/source.go)."""
    lines, start, end, padded = text.split("\n"), first, last, 0
    pad = 4 if first == last else 2
    while padded < pad:
        if start > 1:
            start, padded = start - 1, padded + 1
        if end < len(lines):
            end, padded = end + 1, padded + 1
        padded += 1
    marks = (">>>" if first <= number <= last else "   " for number in range(start, end + 1))
    return "".join(f" {n:3d} | {mark} {lines[n - 1]}\n" for n, mark in enumerate(marks, start))
