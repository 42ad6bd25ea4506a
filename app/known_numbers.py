"""Digits that look random and that everybody can look up: of numbers such as pi, and of algorithms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal, localcontext
from functools import cache
from itertools import accumulate
from operator import mul

_DIGITS = 500
_LEAST_RUN = 16  # of random digits so many agree with these in one case of 10^12
_PUBLISHED = (
    bytes(range(256)).hex(),
    bytes(reversed(range(256))).hex(),
    "67452301efcdab8998badcfe10325476c3d2e1f0",  # MD5 and SHA-1 begin with it
    "6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19",  # SHA-256
    "6a09e667f3bcc908bb67ae8584caa73b3c6ef372fe94f82ba54ff53a5f1d36f1",  # SHA-512 and BLAKE2
    *(f"6ba7b81{digit}9dad11d180b400c04fd430c8" for digit in "0124"),  # the namespaces of UUIDs
)


def has_known_digits(text: str) -> bool:
    """Return whether a run of these digits stands in the text, forwards or backwards, whatever separates them."""
    digits = "".join(filter(str.isalnum, text.lower()))
    return not _known_runs().isdisjoint((*_runs(digits), *_runs(digits[::-1])))


def _runs(digits: str) -> Iterator[str]:
    return (digits[at : at + _LEAST_RUN] for at in range(len(digits) - _LEAST_RUN + 1))


@cache
def _known_runs() -> frozenset[str]:
    with localcontext() as context:
        context.prec = _DIGITS
        numbers = [_pi(), Decimal(1).exp(), (1 + Decimal(5).sqrt()) / 2, Decimal(2).ln(), Decimal(10).ln()]
        numbers += [Decimal(number).sqrt() for number in (2, 3, 5, 7)]
        decimal = [str(number).replace(".", "") for number in numbers]
        hexadecimal = [f"{int(number * 16**400):x}" for number in numbers]
    digits = [*decimal, *hexadecimal, *("".join(map(str, terms)) for terms in _series()), *_PUBLISHED]
    return frozenset(run for known in digits for run in _runs(known))


def _series() -> Iterator[Iterable[int]]:
    """Yield the first terms of the series that people write one after the other."""
    yield from (range(300), range(0, 600, 2), range(1, 600, 2), (n * n for n in range(300)), (n**3 for n in range(200)))
    yield from ((base**n for n in range(99)) for base in (2, 3, 10))
    yield (n for n in range(2, 1000) if all(n % divisor for divisor in range(2, math.isqrt(n) + 1)))
    yield accumulate(range(300))  # triangular numbers
    yield accumulate(range(1, 60), mul)  # factorials
    yield from (_sums_of_two(first, second) for first, second in ((0, 1), (2, 1)))  # Fibonacci's and Lucas' numbers


def _sums_of_two(first: int, second: int) -> Iterator[int]:
    for _ in range(200):
        yield first
        first, second = second, first + second


def _pi() -> Decimal:
    """Return pi by Machin's formula."""
    unit: int = 10 ** (_DIGITS + 10)
    terms = ((16 * unit // 5**n - 4 * unit // 239**n) // n for n in range(1, 2 * _DIGITS, 2))
    total: int = sum(term if index % 2 == 0 else -term for index, term in enumerate(terms))
    return Decimal(total) / unit
