#!/usr/bin/env bash
# The audit of a kernel's modules beside what it cannot do without, in one run, as a Markdown table: medians of 5 runs each,
# in turns. MODULES=N takes N of Debian's kernel's modules (some 4,200).
#
# Files are on a tmpfs where there is room. Needs Debian's packages time and xz-utils, and downloads a kernel.
set -euo pipefail
cd "$(dirname "$0")/.."
cores=$(nproc)

cargo build --release --locked --quiet
bootseal=$PWD/target/release/bootseal
cache=${BOOTSEAL_VM_CACHE:-$PWD/target/vm-cache}
root=$(find "$cache" -name '*.ko.xz' -printf '%h\n' -quit 2>/dev/null | sed 's|/lib/modules/.*||')
if [ -z "$root" ]; then
    package=$(apt-cache search --names-only '^linux-image-6\.12.*deb12-amd64-unsigned$' | cut -d' ' -f1 | sort -V | tail -n1)
    mkdir -p "$cache/bench"
    (cd "$cache/bench" && apt-get download -qq "$package" && dpkg-deb -x "$package"_*.deb root)
    root=$cache/bench/root
fi
place=${TMPDIR:-/tmp}
[ "$(df --output=avail /dev/shm 2>/dev/null | tail -n1)" -gt 3000000 ] && place=/dev/shm
work=$(mktemp -d "$place/bench.XXXXXX")
export STATE_DIRECTORY=$work/state
trap 'rm -rf "$work"' EXIT
"$bootseal" ceremony run --out "$work/keys" --name bench --microsoft none --dbx none \
    --plain PK,KEK,db,module,grub --quiet
find "$root" -name '*.ko.xz' | LC_ALL=C sort | shuf --random-source=<(yes) -n "${MODULES:-100000}" >"$work/list"
count=$(wc -l <"$work/list")

# A root directory with modules of one kind, signed: unpacked, or as the kernel's build packs them.
make_root() {
    local tree=$work/$1/lib/modules/6.12
    mkdir -p "$tree" "$work/$1/proc/sys/kernel"
    echo 6.12 >"$work/$1/proc/sys/kernel/osrelease"
    xargs -P"$cores" -n64 cp -t "$tree" <"$work/list"
    [ "$1" = xz ] || find "$tree" -name '*.xz' -print0 | xargs -0 -P"$cores" -n64 xz -d
    "$bootseal" sign --quiet modules --keys "$work/keys" "$tree"
}
make_root plain
make_root xz
cargo bench --quiet --locked --bench audit --no-run

ratio() { awk "BEGIN { printf \"%.2f\", $2 / $1 }"; }
row() { echo "| $1 | $2 | $3 s | $4 s | $(ratio "$3" "$4") of it | $(ratio "$5" "$6") | $7 |"; }
echo "$(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -n1), $cores cores; $count modules, RSA-4096; in $place"
echo
echo "| modules | limit | takes | the audit takes | ratio | of CPU-seconds | target |"
echo "| --- | --- | --- | --- | --- | --- | --- |"
bench() { cargo bench --quiet --locked --bench audit -- "$work/keys" "$work/$1"; }
read -r unpack _ _ audit cpu _ _ used < <(bench xz)
row ".ko.xz" "read and unpack, same library" "$unpack" "$audit" "$cpu" "$used" "<= 1.3"
read -r _ alone together audit _ cpu lanes used < <(bench plain)
row ".ko" "read and hash, each by itself" "$alone" "$audit" "$cpu" "$used" "<= 1.3"
row ".ko" "read and hash, several side by side" "$together" "$audit" "$lanes" "$used" ""
echo
echo "Peak memory of \`bootseal audit --only modules.files\`:"
echo
echo "| modules | .ko | .ko.xz |"
echo "| --- | --- | --- |"
memory() {
    /usr/bin/time -o "$work/kb" -f %M "$bootseal" --root "$work/$1" audit --keys "$work/keys" --only modules.files \
        --quiet >/dev/null
    awk '{ printf "%.1f MiB", $1 / 1024 }' "$work/kb"
}
for share in 1 2 4 8; do
    for kind in plain xz; do
        # Others go by chance, the same of both kinds.
        find "$work/$kind/lib" -type f | LC_ALL=C sort | shuf --random-source=<(yes) |
            tail -n "+$((count / share + 1))" | xargs -r rm
    done
    echo "| $((count / share)) | $(memory plain) | $(memory xz) |"
done
