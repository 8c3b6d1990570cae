"""`python -m seqgan_gp` and `accelerate launch -m seqgan_gp` are the program `seqgan-gp`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
