#!/usr/bin/env bash
# bootseal beside its peers, in one run, as ratios: 200 real modules (RSA-4096, SHA3-512) against sign-file on all
# cores, and one real kernel (RSA-2048, SHA-256) against sbsign. Needs a Debian kernel package, which it downloads, and
# hyperfine, openssl, sbsigntool and linux-kbuild.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --quiet
bootseal=$PWD/target/release/bootseal
cache=${BOOTSEAL_VM_CACHE:-$PWD/target/vm-cache}/bench
mkdir -p "$cache"

if ! ls "$cache"/root/boot/vmlinuz-* >/dev/null 2>&1; then
    package=$(apt-cache search --names-only '^linux-image-6\.12.*deb12-amd64-unsigned$' | cut -d' ' -f1 | sort -V | tail -n1)
    (cd "$cache" && apt-get download -qq "$package" && dpkg-deb -x "$package"_*.deb root)
fi
sign_file=$(find /usr/lib/linux-kbuild-6.12*/scripts -name sign-file 2>/dev/null | sort -V | tail -n1)
[ -x "$sign_file" ] || { echo "sign-file is missing: apt-get install linux-kbuild-6.12.*" >&2; exit 3; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$bootseal" ceremony run --out "$work/keys" --name bench --microsoft none --dbx none \
    --plain PK,KEK,db,module,grub --quiet

mkdir "$work/original"
find "$cache/root" -name '*.ko.xz' | sort | awk 'NR % 20 == 0' | head -n 200 | while read -r module; do
    xz -dc "$module" >"$work/original/$(basename "${module%.xz}")"
done
strip --strip-debug "$work"/original/*.ko # drops the signatures of Debian's build
cp "$cache"/root/boot/vmlinuz-* "$work/vmlinuz"
echo "$(ls "$work/original" | wc -l) modules, $(du -sb "$work/original" | cut -f1) bytes; $(nproc) cores"

hyperfine --style basic --warmup 1 --runs "${RUNS:-7}" --export-json "$work/modules.json" \
    --prepare "rm -rf $work/modules && cp -r $work/original $work/modules" \
    "find $work/modules -name '*.ko' -print0 | xargs -0 -n1 -P$(nproc) $sign_file sha3-512 $work/keys/module.key $work/keys/module.pem" \
    "$bootseal sign modules --keys $work/keys $work/modules"
hyperfine --style basic --warmup 1 --runs "${RUNS:-7}" --export-json "$work/kernel.json" \
    --prepare "cp $work/vmlinuz $work/kernel" \
    "sbsign --key $work/keys/db.key --cert $work/keys/db.pem --output $work/kernel $work/kernel" \
    "$bootseal sign efi --keys $work/keys $work/kernel"

python3 - "$work/modules.json" "$work/kernel.json" <<'PYTHON'
import json, sys
for path, peer in zip(sys.argv[1:], ("xargs sign-file", "sbsign")):
    theirs, ours = (result["median"] for result in json.load(open(path))["results"])
    print(f"{peer}: {theirs:.3f} s, bootseal: {ours:.3f} s, {theirs / ours:.2f} times as fast (medians)")
PYTHON
