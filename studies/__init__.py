"""What the methods do, side by side, from one command each: python -m studies toys, python -m studies objectives."""
