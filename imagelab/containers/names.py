"""Random names such as `brave_turing` for containers without one.

The form is docker's (moby's namesgenerator): `adjective_surname`, and a digit at the end where that is taken.
"""

from __future__ import annotations

import re
from collections.abc import Collection

NAME = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")  # docker's rule for names that users choose
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
    if name not in taken:
        return name
    digit = 0
    while f"{name}{digit}" in taken:
        digit += 1
    return f"{name}{digit}"
