"""What Docker has from Go: quoting, durations, patterns, JSON keys and templates."""
