"""The table of benches/compare.sh, from what hyperfine and /usr/bin/time left in a directory."""

import json
import os
import pathlib
import re
import sys

work, place = pathlib.Path(sys.argv[1]), sys.argv[5]
count, size, runs = map(int, sys.argv[2:5])
packed = int(sys.argv[6])


def times(name):
    return [result["median"] for result in json.loads((work / f"{name}.json").read_text())["results"]]


def memory(name):
    return int((work / f"{name}.kb").read_text().split()[-1]) / 1024


def verdict(is_met):
    return "met" if is_met else "**not met**"


def row(*cells):
    print("| " + " | ".join(cells) + " |")


def faster(task, peer, theirs, ours, target):
    ratio = theirs / ours
    aim, state = (f">= {target:g}x", verdict(ratio >= target)) if target else ("", "")
    row(task, peer, f"{theirs:.3f} s", f"{ours:.3f} s", f"{ratio:.2f}x", aim, state)


cpu = pathlib.Path("/proc/cpuinfo").read_text()
model = re.search(r"model name\s*: (.*)", cpu).group(1)
present = re.search(r"flags\s*: (.*)", cpu).group(1).split()
flags = ", ".join(f if f in present else f"no {f}" for f in ("avx2", "avx512f", "avx512ifma", "sha_ni"))
print(f"{model}, {os.cpu_count()} cores ({flags}); {count} modules, {size / 1e6:.0f} MB; {runs} runs; in {place}\n")
row("task", "peer", "peer takes", "bootseal takes", "ratio", "target", "")
row(*["---"] * 7)
for bits, target in (("4096", 4), ("2048", 8)):
    theirs, ours = times(f"rsa{bits}")
    faster(f"{count} modules, RSA-{bits}", "xargs -P sign-file", theirs, ours, target)
for bits, keys in (("4096", "keys"), ("2048", "keys2048")):
    rate, hashing = map(float, (work / f"limit-{keys}").read_text().split())
    limit, ours = count / rate + hashing, times(f"rsa{bits}")[1]
    peer = f"limit: {count} / {rate:.0f} per s + {hashing:.2f} s to read and hash"
    row(f"{count} modules, RSA-{bits}", peer, f"{limit:.3f} s", f"{ours:.3f} s", f"{ours / limit:.2f} of it",
        "<= 1.25", verdict(ours / limit <= 1.25))
first = times("rsa4096")[1]
faster("the same again, nothing changed", "the first run", first, times("idle")[0], 50)
faster("the same again with `--recheck`", "the first run", first, times("recheck")[0], None)
for ending, program in (("xz", "xz"), ("zst", "zstd"), ("gz", "gzip")):
    theirs, ours = times(f"packed-{ending}")
    faster(f"{packed} modules in .ko.{ending}", f"xargs -P: {program} -d, sign-file, {program}", theirs, ours, 8)
    parts = times(f"unpacked-{ending}")[0] + times("packed-plain")[0]
    row(f"{packed} modules in .ko.{ending}", f"{program} -d, one process for 64 files, and bootseal on plain ones", f"{parts:.3f} s",
        f"{ours:.3f} s", f"{ours / parts:.2f} of it", "<= 1.3", verdict(ours / parts <= 1.3))
faster("1 kernel", "sbsign", *times("kernel"), 1)
unflushed, flushed, ours = times("disk")
faster("1 kernel on a disk", "sbsign, then sync", flushed, ours, 1)
faster("1 kernel on a disk", "sbsign, which flushes nothing", unflushed, ours, None)
loop, parallel, ours = times("kernels")
faster("20 kernels", "loop of sbsign", loop, ours, 1)
faster("20 kernels", "xargs -P sbsign", parallel, ours, 1)
faster("300 GRUB files, RSA-4096", "loop of gpg --detach-sign", *times("grub"), 20)
theirs, ours = memory("sbsign"), memory("kernel")
row("1 kernel, peak memory", "sbsign", f"{theirs:.1f} MiB", f"{ours:.1f} MiB", f"{ours - theirs:+.1f} MiB", "<= +10 MiB",
    verdict(ours <= theirs + 10))

print("\nCost by number of modules, RSA-4096:\n")
row("modules", "MB", "seconds", "ms each", "peak memory")
row(*["---"] * 5)
for path in sorted(work.glob("linear-*.json"), key=lambda path: int(path.stem[7:])):
    number, seconds = int(path.stem[7:]), times(path.stem)[0]
    megabytes = int((work / f"{path.stem}.bytes").read_text()) / 1e6
    row(str(number), f"{megabytes:.0f}", f"{seconds:.3f}", f"{1000 * seconds / number:.3f}", f"{memory(path.stem):.1f} MiB")

speed = re.findall(r"rsa (\d+) bits \S+ \S+ +([\d.]+)", (work / "openssl").read_text())
print("\n`openssl speed`, all cores: " + ", ".join(f"RSA-{bits} {float(rate):.0f} signatures/s" for bits, rate in speed))
