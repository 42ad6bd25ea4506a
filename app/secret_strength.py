"""A test that tells random secrets from those that a person made up or copied: production accepts only random ones.

The estimate is that of a compressor with a known dictionary: a part that repeats the known texts or the secret itself
costs next to nothing, any other character as many bits as its alphabet holds. A random secret repeats nothing.

A secret that is another form of a text (backwards, two texts in turns, in hexadecimal or base64) is no better than that
text, and the hash of a known word no better than the word.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
import string
from collections.abc import Iterator
from contextlib import suppress
from functools import cache

from app.known_numbers import has_known_digits

LEAST_LENGTH = 32
_LEAST_DISTINCT = 9  # 32 random hexadecimal digits have fewer in one case of 300,000
_LEAST_BITS = 100.0  # 32 random hexadecimal digits: 128
_DIGEST_BYTES = 16  # of any hash: people shorten them
_LEAST_MATCH, _MATCH_BITS = 3, 8.0
_SEPARATOR_BITS = 2.0
_WORD_BITS = 1.5  # for each letter of written language
_LEAST_PAIRS = 9  # common pairs of letters, as at least 40% of all pairs; of 750,000 random secrets none had over 8

_ROWS = (
    *("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz", "0123456789abcdef"),
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
)
_WORDS = (
    "secret password passphrase changeme changethis replaceme default example sample dummy test testing development "
    "production staging insecure notsecure unsafe temporary placeholder fairboard leaderboard admin administrator root "
    "user login session access refresh action token tokens json web jwt key keys signing super very long random string "
    "this that the is not for with from your mine my please only until more than enough characters bytes random put "
    "here goes something anything whatever todo fixme localhost local deadbeef cafebabe letmein welcome monkey dragon "
    "master qwerty hello world lorem ipsum dolor sit amet consectetur adipiscing elit correct horse battery staple"
)
# The keys that FastAPI's and Flask's documentation and RFC 7515 show, and common examples of UUIDs; in lower case.
_PUBLISHED = frozenset(
    {
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "550e8400e29b41d4a716446655440000",
        "f81d4fae7dec11d0a76500a0c91e6bf6",
        "123e4567e89b12d3a456426614174000",
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        "aym1sysppbydfgzld3umj1qzkobwvmkoqq-estjqlr_t-1qs0gzh75aktmn3yj0ips4hcguutwjazzr1z9caow",
    }
)
# The secret of development, and those that tutorials show: their hashes are no better than they are.
_PUBLISHED_TEXTS = ("development-only-secret-change-me", "your-256-bit-secret", "your_secret_key", "super-secret-key")
# Generators and examples write these into a secret that is to be replaced. The rest of it may be random, but it is
# published with their code. Signs and digits between the letters don't count.
_PLACEHOLDERS = (
    *("insecure", "notsecure", "notsecret", "changeme", "changethis", "replaceme", "replacethis"),
    *("placeholder", "example", "donotuse", "fortesting", "development", "yoursecret", "yourkey"),
)
_HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_512", "blake2b", "blake2s")
_KNOWN = " ".join([*_ROWS, *(row[::-1] for row in _ROWS), _WORDS])
# The commonest pairs of letters in English, and in languages written like it.
_PAIRS = frozenset(
    re.findall(
        "[a-z]{2}",
        "th he in er an re nd on en at ou ed ha to or it is hi es ng te st se ti ar of le as al ro li co me de ve ra "
        "io ic ne ea om ri ch ll be ma si ur us",
    )
)
_URL_SAFE = str.maketrans("-_", "+/")
_LEET = str.maketrans("@4013$57", "aaoiesst")
_TIME = re.compile(r"(19|20)\d\d-[01]\d-[0-3]\d([T_ -][0-2]\d:?[0-5]\d(:?[0-5]\d)?Z?)?")
_WORD = re.compile("[A-Z]?[a-z]+|[A-Z]+")
_ALPHABETS = (
    string.digits,
    string.digits + "abcdef",
    string.digits + "ABCDEF",
    string.ascii_lowercase,
    string.ascii_uppercase,
    string.ascii_letters,
    string.ascii_letters + string.digits,
)


def weakness(secret: str) -> str | None:
    """Return the rule that a secret breaks, to follow "it", or None for a good one. Never shows the secret."""
    if len(secret) < LEAST_LENGTH:
        return f"is shorter than {LEAST_LENGTH} characters"
    if len(set(secret)) < _LEAST_DISTINCT:
        return "repeats a few characters"
    if {secret.lower(), secret.lower().replace("-", "")} & _PUBLISHED:
        return "is an example in public documentation"
    if any(word in "".join(filter(str.isalpha, secret.lower())) for word in _PLACEHOLDERS):
        return "says that it is a placeholder"
    if any(raw[:_DIGEST_BYTES] in _digests_of_words() for raw in _decoded(secret)):
        return "is the hash of a well-known word, or of nothing"
    if any(map(has_known_digits, [*_readings(secret), *(raw.hex() for raw in _decoded(secret))])):
        return "has the digits of a well-known number"
    if any(_estimate_bits(text) < _LEAST_BITS for text in _readings(secret)):
        return "is easy to guess: it repeats itself, or is made of words or sequences"
    return None


def _readings(secret: str) -> Iterator[str]:
    """Yield the secret, and the texts that it stands for in hexadecimal or base64, in as many layers as there are."""
    yield secret
    for raw in _decoded(secret):
        if raw.isascii() and (text := raw.decode()).isprintable():
            yield from _readings(text)


def _decoded(secret: str) -> Iterator[bytes]:
    """Yield the bytes that the secret may stand for."""
    with suppress(ValueError):
        yield bytes.fromhex(secret)
    digits = secret.rstrip("=").translate(_URL_SAFE)
    with suppress(ValueError):
        yield base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)


@cache
def _digests_of_words() -> frozenset[bytes]:
    """Return the beginnings of the hashes of the words that people would take, and of an empty text."""
    runs = [row[:length] for row in _ROWS for length in range(4, len(row) + 1)]
    numbers = map(str, range(100))
    spelled = [*_WORDS.split(), *(word.capitalize() for word in _WORDS.split())]
    words = [word.encode() for word in ("", *runs, *spelled, *numbers, *_PUBLISHED_TEXTS)]
    texts = [word + end for word in words for end in (b"", b"\n", b"1", b"123")]  # echo adds a line's end
    return frozenset(
        hashlib.new(name, text, usedforsecurity=False).digest()[:_DIGEST_BYTES] for text in texts for name in _HASHES
    )


def _spelled_out(secret: str) -> str:
    """Put letters for the digits and signs that people write instead of them; a hexadecimal number stays."""
    return secret if set(secret) <= set(string.hexdigits) else secret.translate(_LEET)


def _estimate_bits(secret: str) -> float:
    """Estimate the entropy of a secret in bits, for an attacker who knows how people make up secrets."""
    secret = _TIME.sub("", secret)
    character_bits = _WORD_BITS if _reads_like_words(secret) else _bits_per_character(secret)
    in_turns = secret[::2] + secret[1::2]
    forms = (secret, _spelled_out(secret), secret[::-1], in_turns)
    return min(_compressed_bits(text.lower(), character_bits) for text in forms)


def _compressed_bits(secret: str, character_bits: float) -> float:
    text, at, bits = _KNOWN + secret, len(_KNOWN), 0.0
    while at < len(text):
        length = _longest_match(text, at)
        single_bits = character_bits if text[at].isalnum() else _SEPARATOR_BITS
        bits += min(_MATCH_BITS, length * character_bits) if length else single_bits
        at += length or 1
    return bits


def _longest_match(text: str, at: int) -> int:
    """Return the length of the longest part from `at` on that repeats earlier text; 0 below the least that counts."""
    length = _LEAST_MATCH
    while at + length <= len(text) and text.find(text[at : at + length], 0, at + length - 1) >= 0:
        length += 1
    return length - 1 if length > _LEAST_MATCH else 0


def _bits_per_character(secret: str) -> float:
    used = {character for character in secret if character.isalnum()}
    for alphabet in _ALPHABETS:
        if used <= set(alphabet):
            return math.log2(len(alphabet))
    return math.log2(len(_ALPHABETS[-1]))


def _reads_like_words(secret: str) -> bool:
    """Return whether the secret is separated words, or its letters follow each other as in language.

    Two random letters are a common pair in one case of 13; four random parts that look like words hardly ever occur.
    """
    parts = [part for part in re.split(r"[-_ .,:;]+", secret) if part]
    words = [part for part in parts if _WORD.fullmatch(part)]
    if len(words) >= 4 and sum(map(len, words)) >= 0.75 * sum(map(len, parts)):
        return True
    runs = [run.lower() for run in _WORD.findall(secret)]
    pairs = [run[at : at + 2] for run in runs for at in range(len(run) - 1)]
    return sum(pair in _PAIRS for pair in pairs) >= max(_LEAST_PAIRS, 0.4 * len(pairs))
