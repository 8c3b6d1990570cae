"""The program `seqgan-gp` for `python -m seqgan_gp` and `accelerate launch -m seqgan_gp`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
