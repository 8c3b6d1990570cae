"""Wasserstein GANs with gradient penalty on text and other discrete sequences."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .pretrained import Critic, Generator, LanguageModel

__version__ = "0.1.0"
__all__ = ["Critic", "Generator", "LanguageModel", "__version__"]


def __getattr__(name: str) -> Any:
    # torch takes two seconds to import: whoever asks for --help, or scores text files, does without.
    if name in ("Critic", "Generator", "LanguageModel"):
        from . import pretrained

        return getattr(pretrained, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
