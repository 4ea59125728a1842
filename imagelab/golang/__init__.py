"""Go as Docker shows it: how Go quotes, reads JSON keys, and fills templates."""
