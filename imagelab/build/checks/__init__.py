"""BuildKit's build checks: what a Dockerfile says that works, and is likely to be a mistake."""
