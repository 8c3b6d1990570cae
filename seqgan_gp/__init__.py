"""Wasserstein GANs with gradient penalty on text and other discrete sequences."""

from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .images.pretrained import ImageCritic, ImageGenerator
    from .pretrained import Critic, Discriminator, Generator, LanguageModel

__version__ = "0.1.0"
__all__ = [
    "Critic",
    "Discriminator",
    "Generator",
    "ImageCritic",
    "ImageGenerator",
    "LanguageModel",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .modality import MODALITIES, modality

    # Import late: torch takes two seconds to import, and scoring text files does not need it.
    places = {place.partition(":")[2]: place for kind in MODALITIES for place in modality(kind).public}
    return resolve_name(places[name])
