"""Studies compare the methods, each by one command: python -m studies toys, python -m studies objectives."""
