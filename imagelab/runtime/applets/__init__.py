"""The commands of the shell that bashkit has not, or has only in part: each does what busybox's of that name does."""
