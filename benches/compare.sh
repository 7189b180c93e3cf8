#!/usr/bin/env bash
# bootseal beside its peers from Debian, in one run, as a Markdown table: medians of RUNS (5) runs each by hyperfine.
# MODULES=N takes N of the kernel package's modules (some 4,200) and scales the rest down with them; PACKED=N of them (400) are packed.
#
# Files are on a tmpfs where there is room, so that the disk does not blur what the programs cost. Needs Debian's
# packages gpg, gpg-agent, grub-efi-amd64-bin, gzip, hyperfine, linux-kbuild-6.12.*, openssl, python3, sbsigntool, time,
# xz-utils and zstd, and downloads a kernel.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${RUNS:-5}
cores=$(nproc)

cargo build --release --locked --quiet
bootseal=$PWD/target/release/bootseal
cache=${BOOTSEAL_VM_CACHE:-$PWD/target/vm-cache}/bench
mkdir -p "$cache"
if ! ls "$cache"/root/boot/vmlinuz-* >/dev/null 2>&1; then
    package=$(apt-cache search --names-only '^linux-image-6\.12.*deb12-amd64-unsigned$' | cut -d' ' -f1 | sort -V | tail -n1)
    (cd "$cache" && apt-get download -qq "$package" && dpkg-deb -x "$package"_*.deb root)
fi
sign_file=$(find /usr/lib/linux-kbuild-6.12*/scripts -name sign-file 2>/dev/null | sort -V | tail -n1)
[ -x "$sign_file" ] || { echo "sign-file is missing: apt-get install linux-kbuild-6.12.*" >&2; exit 3; }
for program in gpg gzip hyperfine openssl python3 sbsign /usr/bin/time xz zstd; do
    command -v "$program" >/dev/null || { echo "$program is missing" >&2; exit 3; }
done
[ -d /usr/lib/grub/x86_64-efi ] || { echo "apt-get install grub-efi-amd64-bin" >&2; exit 3; }

# Three times the modules, and the kernels.
place=${TMPDIR:-/tmp}
[ "$(df --output=avail /dev/shm 2>/dev/null | tail -n1)" -gt 3000000 ] && place=/dev/shm
work=$(mktemp -d "$place/bench.XXXXXX")
export GNUPGHOME=$work/gnupg STATE_DIRECTORY=$work/state
trap 'gpgconf --kill gpg-agent; rm -rf "$work"' EXIT
mkdir -m 0700 "$GNUPGHOME"

# Keys: RSA-4096 for modules and GRUB, RSA-2048 for db, as the ceremony makes them; and a module key of RSA-2048.
"$bootseal" ceremony run --out "$work/keys" --name bench --microsoft none --dbx none \
    --plain PK,KEK,db,module,grub --quiet
mkdir -m 0700 "$work/keys2048"
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=bench -addext keyUsage=digitalSignature \
    -keyout "$work/keys2048/module.key" -out "$work/keys2048/module.pem" 2>/dev/null
chmod 0400 "$work/keys2048/module.key"
gpg --batch --quiet --passphrase '' --quick-generate-key bench rsa4096 sign never 2>/dev/null

# Modules, in an order that has nothing to do with their names, without debug information and signatures.
mkdir "$work/original"
find "$cache/root" -name '*.ko.xz' | LC_ALL=C sort | shuf --random-source=<(yes) -n "${MODULES:-100000}" >"$work/list"
count=$(wc -l <"$work/list")
xargs -P"$cores" -n64 cp -t "$work/original" <"$work/list"
find "$work/original" -name '*.xz' -print0 | xargs -0 -P"$cores" -n64 xz -d
find "$work/original" -name '*.ko' -print0 | xargs -0 -P"$cores" -n64 strip --strip-debug
# The first N of them, as unpacked.
first() { echo "head -n $1 $work/list | sed 's|.*/||; s|\.xz\$||; s|^|$work/original/|'"; }

mkdir "$work/kernels"
kernel=$work/vmlinuz
cp "$cache"/root/boot/vmlinuz-* "$kernel"
mkdir "$work/grub"
find /usr/lib/grub/x86_64-efi -type f | sort | sed -n 1,300p | xargs cp -t "$work/grub"
for ((n = $(find "$work/grub" -type f | wc -l); n < 300; n++)); do
    head -c 20000 /dev/urandom >"$work/grub/filler-$n"
done

# Medians of commands: time NAME PREPARE COMMAND...
time_of() {
    hyperfine --style none --runs "$runs" --export-json "$work/$1.json" --prepare "$2" "${@:3}" >&2
    echo "$1: done" >&2
}
# Peak memory in KB: memory NAME COMMAND...
memory_of() { /usr/bin/time -o "$work/$1.kb" -f %M "${@:2}" >/dev/null; }

fresh="rm -rf $work/state $work/modules; cp -r $work/original $work/modules"
ours() { echo "$bootseal sign --quiet $1 --keys $work/$2 $3"; }
theirs() {
    echo "find $work/modules -name '*.ko' -print0 |" \
        "xargs -0 -n1 -P$cores $sign_file sha3-512 $work/$1/module.key $work/$1/module.pem"
}
time_of rsa4096 "$fresh" "$(theirs keys)" "$(ours modules keys "$work/modules")"
time_of idle true "$(ours modules keys "$work/modules")"
time_of recheck true "$(ours 'modules --recheck' keys "$work/modules")"
time_of rsa2048 "$fresh" "$(theirs keys2048)" "$(ours modules keys2048 "$work/modules")"
for keys in keys keys2048; do
    cargo bench --quiet --locked --bench limit -- "$work/$keys" "$work/original" >"$work/limit-$keys"
done
openssl speed -multi "$cores" -seconds 3 rsa2048 rsa4096 2>/dev/null >"$work/openssl"

for share in 8 4 2 1; do
    some=$(((4000 / share < count ? 4000 : count) / share))
    [ "$some" -gt 0 ] || continue
    select="rm -rf $work/state $work/modules; mkdir $work/modules; $(first $some) | xargs cp -t $work/modules"
    time_of "linear-$some" "$select" "$(ours modules keys "$work/modules")"
    sh -c "$select"
    du -sb "$work/modules" | cut -f1 >"$work/linear-$some.bytes"
    memory_of "linear-$some" "$bootseal" sign --quiet modules --keys "$work/keys" "$work/modules"
done

# Packed as the kernel's build does; what people do; and the parts: the same modules unpacked by one process a core, and signed plain.
packed=$((${PACKED:-400} < count ? ${PACKED:-400} : count))
plain="rm -rf $work/state $work/modules; mkdir $work/modules; $(first "$packed") | xargs cp -t $work/modules"
time_of packed-plain "$plain" "$(ours modules keys "$work/modules")"
for form in "xz xz -q --check=crc32 --lzma2=dict=1MiB" "zst zstd -q --rm" "gz gzip -n"; do
    read -r ending pack <<<"$form"
    sh -c "$plain"
    find "$work/modules" -name '*.ko' -print0 | xargs -0 -P"$cores" -n16 $pack
    rm -rf "$work/packed"
    mv "$work/modules" "$work/packed"
    again="rm -rf $work/state $work/modules; cp -r $work/packed $work/modules"
    time_of "packed-$ending" "$again" \
        "find $work/modules -type f -print0 | xargs -0 -n1 -P$cores sh -c 'set -e; ${pack%% *} -q -d \$0; ko=\${0%.*}; rm -f \$0
            $sign_file sha3-512 $work/keys/module.key $work/keys/module.pem \$ko
            $pack \$ko'" \
        "$(ours modules keys "$work/modules")"
    time_of "unpacked-$ending" "$again" "find $work/modules -type f -print0 | xargs -0 -n64 -P$cores ${pack%% *} -q -d"
done

sbsign="sbsign --key $work/keys/db.key --cert $work/keys/db.pem --output"
unsigned="rm -rf $work/state; rm -f $work/kernels/*; for n in \$(seq 20); do cp $kernel $work/kernels/\$n; done"
time_of kernel "$unsigned" "$sbsign $work/kernels/1 $work/kernels/1" "$(ours efi keys "$work/kernels/1")"
# On the disk bootseal flushes what it writes, and sbsign does not.
disk=$(mktemp -d "$PWD/target/bench.XXXXXX")
trap 'gpgconf --kill gpg-agent; rm -rf "$work" "$disk"' EXIT
time_of disk "rm -rf $work/state; cp $kernel $disk/kernel; sync $disk/kernel" "$sbsign $disk/kernel $disk/kernel" \
    "$sbsign $disk/kernel $disk/kernel; sync $disk/kernel" "$(ours efi keys "$disk/kernel")"
time_of kernels "$unsigned" \
    "for n in $work/kernels/*; do $sbsign \$n \$n; done" \
    "find $work/kernels -type f -print0 | xargs -0 -P$cores -I{} $sbsign {} {}" \
    "$(ours efi keys "$work/kernels/*")"
sh -c "$unsigned"
memory_of sbsign $sbsign "$work/kernels/1" "$work/kernels/1" 2>/dev/null
memory_of kernel "$bootseal" sign --quiet efi --keys "$work/keys" "$work/kernels/2"

time_of grub "rm -rf $work/state; rm -f $work/grub/*.sig" \
    "for file in $work/grub/*; do gpg --batch --quiet --detach-sign \$file; done" \
    "$(ours grub keys "$work/grub")"

python3 benches/table.py "$work" "$count" "$(du -sb "$work/original" | cut -f1)" "$runs" "$place" "$packed"
