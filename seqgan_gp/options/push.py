"""The options of push."""

from __future__ import annotations

from .parsing import IMPORT, Commands, a_name, a_path


def add(commands: Commands) -> None:
    p = commands.add_parser(
        "push",
        help="share a trained network on the Hugging Face hub",
        description="Push the last checkpoint of a run to the Hugging Face hub, with a model card: its networks, its "
        "tokenizer, its config, its scores and ten samples. The training text stays here. Log in first, with `hf auth "
        "login` or HF_TOKEN.",
    )
    p.add_argument("run", type=a_path, metavar="RUN", help="run folder (its last checkpoint), or a checkpoint")
    p.add_argument("repo", type=a_name, metavar="NAME/REPO", help="repository, which is created if it is not there")
    p.add_argument(
        "--private", action="store_true", help="create it for you alone; a repository that is public is refused"
    )
    p.add_argument("--revision", type=a_name, metavar="BRANCH", help="branch, which is created if it is not there")
    p.add_argument("--message", type=a_name, metavar="TEXT", help="message of the commit")
    p.add_argument("--license", type=a_name, metavar="NAME", help="licence on the card, such as mit (default: none)")
    p.add_argument("--import", **IMPORT)
    p.set_defaults(function="seqgan_gp.sharing.push:command")
