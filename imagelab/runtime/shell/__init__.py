"""The shell runtime: shell scripts, run by bashkit with commands of our own."""
