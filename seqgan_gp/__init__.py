"""Wasserstein GANs with gradient penalty on text and other discrete sequences."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .images.pretrained import ImageCritic, ImageGenerator
    from .pretrained import Critic, Generator, LanguageModel

__version__ = "0.1.0"
__all__ = ["Critic", "Generator", "ImageCritic", "ImageGenerator", "LanguageModel", "__version__"]

_ROOMS = {
    "pretrained": ("Critic", "Generator", "LanguageModel"),
    "images.pretrained": ("ImageCritic", "ImageGenerator"),
}


def __getattr__(name: str) -> Any:
    # torch takes two seconds to import: whoever asks for --help, or scores text files, does without.
    for room, names in _ROOMS.items():
        if name in names:
            return getattr(importlib.import_module(f".{room}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
