"""Names of guests: an adjective, an animal and five digits, such as `Calm Otter 40213`. Nobody may choose one."""

from __future__ import annotations

import random
import re
from functools import cache

from app.domain.look_alikes import letters_by_look


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ADJECTIVES = _words(
    """
    Able Agile Amber Bold Brave Bright Brisk Calm Clever Cosy Curious Daring Deft Eager Early Fair Fancy Fleet
    Fond Fresh Gentle Glad Golden Good Grand Happy Hardy Honest Jolly Keen Kind Lively Lucky Lunar Mellow Merry
    Mighty Modest Neat Nimble Noble Patient Plucky Proud Quick Quiet Rapid Ready Royal Rustic Sharp Silent
    Silver Smart Snowy Solid Spry Steady Sunny Swift Tidy Vivid Warm Wise
    """
)
ANIMALS = _words(
    """
    Badger Beaver Bison Bobcat Camel Condor Coyote Crane Dingo Dolphin Dove Eagle Egret Falcon Ferret Finch Fox
    Gazelle Gecko Gibbon Goose Hare Hawk Heron Hippo Ibex Ibis Iguana Jackal Jaguar Kestrel Koala Lemur Leopard
    Lynx Magpie Marmot Marten Mole Moose Newt Ocelot Orca Osprey Otter Owl Panda Panther Parrot Penguin Pigeon
    Puffin Puma Rabbit Raven Robin Salmon Seal Sparrow Stork Tiger Toucan Walrus Wombat
    """
)
_DIGITS = 5


def guest_name(source: random.Random) -> str:
    """Return a name for a guest, of some 400 million."""
    number = source.randrange(10**_DIGITS)
    return f"{source.choice(ADJECTIVES)} {source.choice(ANIMALS)} {number:0{_DIGITS}}"


def is_guest_name(username: str) -> bool:
    """Return whether the name looks like one of a guest, with or without spaces."""
    return _form().fullmatch(letters_by_look(username)) is not None


@cache
def _form() -> re.Pattern[str]:
    adjectives, animals = ("|".join(map(letters_by_look, words)) for words in (ADJECTIVES, ANIMALS))
    return re.compile(f"(?:{adjectives})(?:{animals})[{letters_by_look('0123456789')}]{{{_DIGITS}}}")
