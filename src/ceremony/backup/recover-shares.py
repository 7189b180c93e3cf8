#!/usr/bin/env python3
"""Gives the passphrase of a bootseal backup back from its shares, without bootseal.

Reads shares (bs1-…), one a line, from standard input. A share is base 32 (Crockford) of: version 1, set (4 bytes),
needed, of, number, 16 bytes of data, 4 bytes of checksum. Each byte of data is the value, at x = number, of a polynomial
over GF(2^8) modulo x^8 + x^4 + x^3 + x + 1; the secret is its value at 0. The passphrase is the secret in base 32, in
groups of four with hyphens.
"""
import hashlib
import sys

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def decode(text):
    text = text.lower().replace("-", "").replace(" ", "").translate(str.maketrans("oil", "011"))
    bits = "".join(format(ALPHABET.index(character), "05b") for character in text)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits) - 7, 8))


def encode(data):
    bits = "".join(format(byte, "08b") for byte in data)
    bits += "0" * (-len(bits) % 5)
    text = "".join(ALPHABET[int(bits[i : i + 5], 2)] for i in range(0, len(bits), 5))
    return "-".join(text[i : i + 4] for i in range(0, len(text), 4))


def multiply(a, b):
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def invert(a):
    return next(b for b in range(256) if multiply(a, b) == 1)


points, needed = {}, None
for line in filter(None, map(str.strip, sys.stdin)):
    share = decode(line[4:])
    if not line.lower().startswith("bs1-") or hashlib.sha256(share[:-4]).digest()[:4] != share[-4:]:
        sys.exit("mistyped: " + line[:8] + "…")
    needed, number = share[5], share[7]
    points[number] = share[8:24]
if needed is None or len(points) < needed:
    sys.exit(f"{needed} shares are needed")
secret = bytearray(16)
for x, data in points.items():
    weight = 1
    for other in points:
        if other != x:
            weight = multiply(weight, multiply(other, invert(x ^ other)))
    for place, byte in enumerate(data):
        secret[place] ^= multiply(byte, weight)
print(encode(secret))
