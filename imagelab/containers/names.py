"""Random names such as `brave_turing` for containers without one, and what the image of a container is called.

The form of the names is docker's (moby's namesgenerator): `adjective_surname`, and a digit at the end where that is
taken.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from itertools import chain, count
from typing import TYPE_CHECKING

from ..errors import InvalidReference, LabError
from ..oci.digest import Digest
from ..oci.reference import Reference

if TYPE_CHECKING:
    from ..store.store import Store
    from .record import Spec

NAME = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")  # docker's rule for names that users choose
NAME_RULE = "[a-zA-Z0-9][a-zA-Z0-9_.-]"  # in docker's words
_ADJECTIVES = (
    "able agile airy alert amber ample apt avid aware bold brave bright brisk calm candid careful cheerful civil "
    "clear clever cool cosy crisp curious daring deft eager early easy exact fair famous fancy fast fine firm "
    "fluent fond frank free fresh gentle glad golden good grand great handy happy hardy hasty honest humble keen "
    "kind late lean lively loyal lucid lucky mellow merry mild modest neat nimble noble open patient plain proud "
    "prudent quick quiet rapid ready robust serene sharp silent silver simple smart smooth sober solid steady "
    "still strong sunny sure swift tidy tough true trusty vivid warm wise witty young zealous "
)
_SURNAMES = (
    "abel agnesi airy allen almeida ampere anning archimedes babbage banach bardeen bernal bhabha blackburn "
    "blackwell bohr boole borg bose boyle brahe burnell cannon cantor carson cauchy cavendish celsius cerf "
    "chandrasekhar clarke cocke cori curie darwin davy diffie dijkstra dirac easley edison einstein elion erdos "
    "euclid euler faraday fermat fermi feynman fibonacci fleming floyd fourier franklin galileo galois gauss "
    "germain goodall granville hamilton hamming hawking hellman henry herschel hertz hoare hodgkin hooke hopper "
    "hubble hypatia ibnsina jemison johnson joule kahn karp keller kelvin kepler khayyam kilby knuth kovalevskaya "
    "lamarr lamport laplace leavitt leibniz liskov lonsdale lovelace maathai marconi maxwell mayer mccarthy "
    "mcclintock meitner mendel merkle mirzakhani mitchell moore napier nash newell newton nightingale nobel "
    "noether ohm pascal pasteur pauli perlman planck poincare ramanujan rhodes ride rivest ritchie rubin russell "
    "sagan salk shamir shannon shirley sinoussi snow somerville sutherland tarjan tesla tharp thompson torvalds "
    "tu turing vaughan volta wiles wilkes wing wozniak wright wu yalow yonath "
)


def generated(number: int, taken: Collection[str]) -> str:
    """A name made from a number of 64 bits, different from those in `taken`."""
    adjectives, surnames = _ADJECTIVES.split(), _SURNAMES.split()
    name = f"{adjectives[number % len(adjectives)]}_{surnames[number // len(adjectives) % len(surnames)]}"
    return next(free for end in chain([""], count()) if (free := f"{name}{end}") not in taken)


def image_called(store: Store, spec: Spec, *, trunc: bool, by_digest: bool) -> str:
    """What `Container.image_called` says, of a container that was created with `spec`."""
    name = spec.image_name
    id_ = spec.image if by_digest else spec.image_id
    is_current = False
    with suppress(LabError):
        image = store.find(name)
        is_current = (image.digest if by_digest else image.id) == id_
    name = name if is_current else id_ or name
    if not trunc:
        return name
    short = Digest(id_).short
    if short and name.removeprefix("sha256:")[:12] == short:
        return short
    with suppress(InvalidReference):
        return replace(Reference.parse(name), digest=None).familiar
    return name
