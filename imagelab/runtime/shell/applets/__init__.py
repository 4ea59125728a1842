"""The shell's own commands, grouped by what they do."""
