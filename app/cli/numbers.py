"""Numbers on the command line. A refusal says the name of the type: "'5.5' is not a valid whole number"."""

from __future__ import annotations

import click
from click.types import FloatParamType, IntParamType


class WholeNumber(IntParamType):
    """A whole number, whose bounds are those of its rule."""

    name = "whole number"


class WholeNumberRange(click.IntRange):
    """A whole number within bounds, which help and refusals give."""

    name = "whole number"


class Number(FloatParamType):
    """A number, such as of seconds."""

    name = "number"
