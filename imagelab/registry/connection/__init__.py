"""How a registry is reached: HTTP with limits and retries, certificates, accounts and tokens."""
