"""Makes the inputs of benches/load.sh: load.py KIND SIZE DIRECTORY [MORE...]."""

import hashlib
import json
import os
import random
import struct
import sys
import uuid

# A 64-bit ELF file of a kernel module's kind, without sections: what signing asks of one.
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, 0, 0, 64, 0, 0, 64, 0, 0)
OWNER = uuid.UUID("77fa9abd-0359-4d32-bd60-28f4e78f784b").bytes_le
X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072").bytes_le
SHA256 = uuid.UUID("c1c41626-504c-4092-aca9-41f936934328").bytes_le


def write(path, *parts):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.writelines(parts)


def noise(count):
    """Bytes that nothing shortens, the same each time."""
    return NOISE.randbytes(count)


def modules(count, directory, size="2000"):
    for number in range(count):
        write(f"{directory}/d{number // 1000}/m{number}.ko", ELF, noise(int(size)))


def image(*sections):
    """An unsigned EFI application for x86-64 with these sections: (name, pieces of data)."""
    page, table = 0x1000, b""
    offset, address = page, page
    for name, pieces in sections:
        length = sum(map(len, pieces))
        size = -(-length // page) * page
        table += struct.pack("<8sIIIIIIHHI", name, length, address, size, offset, 0, 0, 0, 0, 0x40000040)
        pieces.append(bytes(size - length))
        offset, address = offset + size, address + size
    head = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0"
    head += struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, 240, 0x22)
    head += struct.pack("<HHIIIII", 0x20B, 0, page, page, 0, page, page)
    head += struct.pack("<QIIHHHHHHIIIIHH", 0, page, page, 0, 0, 0, 0, 0, 0, 0, address, page, 0, 10, 0x100)
    head += struct.pack("<QQQQII", 0, 0, 0, 0, 0, 16) + bytes(128) + table
    return [head, bytes(page - len(head))] + [piece for _, pieces in sections for piece in pieces]


def uki(mebibytes, directory):
    piece = noise(1 << 20)
    kernel = image((b".text", [b"\x31\xc0\xc3"]))
    sections = [
        (b".text", [b"\x31\xc0\xc3"]),
        (b".osrel", [b"ID=gentoo\n"]),
        (b".cmdline", [b"root=/dev/vda2"]),
        (b".linux", kernel),
        (b".initrd", [piece] * mebibytes),
    ]
    write(f"{directory}/uki.efi", *image(*sections))


def scripts(count, directory):
    write(f"{directory}/grub.cfg", b"set timeout=5\n")
    for number in range(count - 1):
        write(f"{directory}/d{number // 1000}/f{number}.cfg", b"set x=%d\n" % number)


def images(count, directory):
    for number in range(count):
        write(f"{directory}/d{number // 1000}/i{number}.efi", *image((b".text", [b"\x31\xc0\xc3%d" % number])))


def entries(count, directory, certificate):
    """A signature list: a fifth of the entries are certificates that differ from this one in their serial number, the others hashes."""
    with open(certificate, "rb") as file:
        der = file.read()
    place = der.index(b"\xa0\x03\x02\x01\x02\x02") + 8
    lists = []
    for number in range(count // 5):
        changed = der[:place] + struct.pack(">I", number) + der[place + 4 :]
        lists.append(X509 + struct.pack("<III", 28 + 16 + len(der), 0, 16 + len(der)) + OWNER + changed)
    hashes = count - count // 5
    lists.append(SHA256 + struct.pack("<III", 28 + 48 * hashes, 0, 48))
    lists += [OWNER + noise(32) for _ in range(hashes)]
    write(f"{directory}/entries.esl", *lists)


def ledger(year, directory):
    """Adds a year to a ledger: a kernel with 4,000 modules each month, and 300 files of GRUB each week."""
    path, lines, number, before = f"{directory}/ledger.jsonl", [], 0, "0" * 64
    if os.path.exists(path):
        with open(path, "rb") as file:
            last = file.readlines()[-1]
        number, before = json.loads(last)["number"] + 1, hashlib.sha256(last).hexdigest()

    def add(month, event):
        nonlocal number, before
        time = f"{2026 + year}-{1 + month:02}-01T00:00:00Z"
        link = {"number": number, "previous": before, "time": time, "event": event}
        lines.append(json.dumps(link, separators=(",", ":")).encode() + b"\n")
        number, before = number + 1, hashlib.sha256(lines[-1]).hexdigest()

    def sign(month, kind, paths):
        run = noise(8).hex()
        digests = [noise(32).hex() for _ in paths]
        files = [{"path": path, "sha256": digest, "signed": digest} for path, digest in zip(paths, digests)]
        batch = {"kind": kind, "key": "ab" * 32, "hash": "sha256", "origin": "root", "files": files}
        add(month, {"signing": {"run": run, "command": "sign " + kind, "batches": [batch]}})
        add(month, {"signed": {"run": run}})

    if number == 0:
        add(0, {"began": {"format": "bootseal.ledger/1", "bootseal": "0.1.0", "taken_over": False}})
    for month in range(12):
        release = f"{year}.{month}.0"
        sign(month, "modules", [f"/lib/modules/{release}/kernel/m{number}.ko" for number in range(4000)])
        sign(month, "efi", [f"/boot/vmlinuz-{release}"])
        for _ in range(4):
            sign(month, "grub", [f"/boot/grub/f{number}.mod" for number in range(300)])
    os.makedirs(directory, exist_ok=True)
    with open(path, "ab") as file:
        file.writelines(lines)


NOISE = random.Random(22)
kinds = {
    "modules": modules,
    "uki": uki,
    "scripts": scripts,
    "images": images,
    "entries": entries,
    "ledger": ledger,
}
kinds[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
