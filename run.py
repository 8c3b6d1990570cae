"""Train: accelerate launch run.py --config text.yaml. See README.md, or run.py --help."""

import sys

from seqgan_gp.cli import train

if __name__ == "__main__":
    sys.exit(train(sys.argv[1:], prog="run.py"))
