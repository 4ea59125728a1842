"""`python -m imagelab` is the command `imagelab`."""

from .cli import main

main()
