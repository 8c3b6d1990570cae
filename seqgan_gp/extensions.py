"""Imports modules of the user, which register parts by name: `--import my_module`.

Only names on the command line or in a config for training are imported. A checkpoint never causes an import.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from .errors import UserError


def load(names: Iterable[str], option: str = "--import") -> list[ModuleType]:
    """Import modules by name, from the working directory first.

    Args:
        names: names of modules, such as `my_module` or `my_package.parts`.
        option: the user's option for them. Errors begin with it.

    Raises:
        UserError: there is no such module, or it fails. The message names the line.
    """
    try:
        here = os.getcwd()
    except FileNotFoundError:
        raise UserError("the current folder is no longer there: change to another, with cd") from None
    if here not in sys.path and "" not in sys.path:  # a console script's path lacks it
        sys.path.insert(0, here)
    return [_load(name, option) for name in names]


def function(name: str, option: str, hint: str) -> Callable[..., Any]:
    """The function of the user's own that is named `module:function`.

    Args:
        option: the user's option for it.
        hint: the kind of function, in words. Errors end with it.

    Raises:
        UserError: there is no such module or function, or the module fails.
    """
    module_name, _, attribute = name.partition(":")
    (module,) = load([module_name], option)
    own = getattr(module, attribute, None)
    if not callable(own):
        raise UserError(f"{option} {name}: the module {module_name} has no function '{attribute}'; {hint}")
    return own


def _load(name: str, option: str) -> ModuleType:
    if name.endswith(".py") or not all(part.isidentifier() for part in name.split(".")):
        raise UserError(f"{option} {name}: give the name of a module, such as my_module for my_module.py")
    try:
        with contextlib.redirect_stdout(sys.stderr):  # samples may go to stdout
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise UserError(
                f"{option} {name}: there is no module {error.name}, neither in the working directory nor installed"
            ) from None
        raise _failed(name, option, error) from None
    except (Exception, SystemExit) as error:  # the module may raise anything
        raise _failed(name, option, error) from None


def _failed(name: str, option: str, error: BaseException) -> UserError:
    """The error with the place in the user's code that failed, in one line."""
    if isinstance(error, SyntaxError) and error.filename:
        place = f"{error.filename}, line {error.lineno}"
    else:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
        place = f"{frames[-1].filename}, line {frames[-1].lineno}" if frames[1:] else "its import"
    cause = " ".join(str(error).split())[:200]
    return UserError(f"{option} {name}: {place} fails ({type(error).__name__}: {cause})")
