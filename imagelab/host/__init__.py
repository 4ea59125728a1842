"""The host's disk: files read, written and watched there without leaving the folder they belong to."""
