"""`docker cp`: files copied between this machine and a root folder; where a copy lands, and how it is written."""
