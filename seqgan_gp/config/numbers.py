"""Numbers with a range, for the fields of an experiment."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # to a type checker they are plain numbers
    PositiveInt = int
    NonNegativeInt = int
    PositiveFloat = float
    NonNegativeFloat = float
    ClosedUnitInterval = float
else:  # at run time jsonargparse refuses a number out of range, and names the key
    from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

__all__ = ["NUMBERS", "ClosedUnitInterval", "NonNegativeFloat", "NonNegativeInt", "PositiveFloat", "PositiveInt"]

NUMBERS = {
    "PositiveInt": "a whole number of at least 1",
    "NonNegativeInt": "a whole number of at least 0",
    "PositiveFloat": "a number over 0",
    "NonNegativeFloat": "a number of at least 0",
    "ClosedUnitInterval": "a number from 0 to 1",
}
