#!/usr/bin/env bash
# Loads of three sizes each, and the commands that read them, as a Markdown table: seconds, peak memory, and if the answer
# was right. SHARE=N takes an N-th of each size. BOOTSEAL=PROGRAM takes a program that is built.
#
# Files are on a tmpfs where there is room (8 GB). Needs Debian's packages python3 and time.
set -euo pipefail
cd "$(dirname "$0")/.."
share=${SHARE:-1}
bootseal=${BOOTSEAL:-$PWD/target/release/bootseal}
[ -n "${BOOTSEAL:-}" ] || cargo build --release --locked --quiet
place=${TMPDIR:-/tmp}
[ "$(df --output=avail /dev/shm 2>/dev/null | tail -n1)" -gt 8000000 ] && place=/dev/shm
work=$(mktemp -d "$place/load.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root keys=$work/keys
# The state of each load is its own.
export STATE_DIRECTORY=$work/state
wrong=0

make_keys() {
    rm -rf "$1"
    "$bootseal" ceremony run --out "$1" --name load --microsoft none --dbx none --plain PK,KEK,db,module,grub --quiet
}
fresh() { rm -rf "$root" "$STATE_DIRECTORY"; mkdir -p "$root" "$STATE_DIRECTORY"; }
make() { python3 benches/load.py "$@"; }
# Changes a byte in the middle of a file.
tamper() { printf '!' | dd of="$1" bs=1 seek=$(($(stat -c %s "$1") / 2)) conv=notrunc status=none; }
# A row: LOAD SIZE COMMAND EXIT-CODE TEXT WORDS...; the answer is right if it exits so, and prints this text.
row() {
    local load=$1 size=$2 name=$3 code=$4 text=$5 answer=right
    shift 5
    /usr/bin/time -o "$work/time" -f '%e %M' "$bootseal" "$@" >"$work/out" 2>&1 || true
    local exited=0 seconds kib
    grep -q 'exited with non-zero' "$work/time" && exited=$(sed -n 's/.*status //p' "$work/time")
    read -r seconds kib < <(tail -n1 "$work/time")
    if [ "$exited" != "$code" ] || ! grep -qF -- "$text" "$work/out"; then
        answer="**wrong**: exit code $exited, $(head -c 200 "$work/out" | tr '\n|' '  ')"
        wrong=1
    fi
    awk "BEGIN { printf \"| %s | %s | %s | %.2f | %.0f | %s |\\n\", \"$load\", \"$size\", \"$name\", $seconds, $kib / 1024, \"right\" }" |
        sed "s/right |\$/$(printf '%s' "$answer" | sed 's/[&/\\]/\\&/g') |/"
}

make_keys "$keys"
echo "$(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -n1), $(nproc) cores; in $place; SHARE=$share"
echo
echo "| load | size | command | seconds | peak MiB | answer |"
echo "| --- | --- | --- | --- | --- | --- |"

modules() { # LOAD SIZE COUNT BYTES
    local tree=$root/lib/modules/6.12
    fresh
    mkdir -p "$root/proc/sys/kernel"
    echo 6.12 >"$root/proc/sys/kernel/osrelease"
    make modules "$3" "$tree" "$4"
    row "$1" "$2" 'sign modules' 0 "signed $3, unchanged 0" sign modules --keys "$keys" "$tree"
    row "$1" "$2" 'sign modules, again' 0 "signed 0, unchanged $3" sign modules --keys "$keys" "$tree"
    row "$1" "$2" 'audit --only modules.files' 0 '1 pass' --root "$root" audit --keys "$keys" --only modules.files
    local one="$tree/d$((($3 - 1) / 1000))/m$(($3 - 1)).ko"
    tamper "$one"
    row "$1" "$2" 'the same, one changed' 1 "${one##*/}" --root "$root" audit --keys "$keys" --only modules.files
}
for count in 5000 10000 20000; do modules 'modules of 2 KB' $((count / share)) $((count / share)) 2000; done
for count in 16 32 64; do
    modules 'large modules' "$count of $((32 / share)) MB" $count $((32000000 / share))
done

for mebibytes in 256 512 1024; do
    size=$((mebibytes / share))
    fresh
    make uki $size "$root/efi/EFI/Linux"
    image=$root/efi/EFI/Linux/uki.efi
    row UKI "$size MiB" 'sign efi' 0 'signed 1, unchanged 0' sign efi --keys "$keys" "$image"
    row UKI "$size MiB" 'sign efi, again' 0 'signed 0, unchanged 1' sign efi --keys "$keys" "$image"
    row UKI "$size MiB" 'sign efi --recheck' 0 'signed 0, unchanged 1' sign efi --recheck --keys "$keys" "$image"
    row UKI "$size MiB" 'verify' 0 'signed by' verify --keys "$keys" "$image"
    row UKI "$size MiB" 'sign grub' 0 'signed 1, unchanged 0' sign grub --keys "$keys" "$image"
    tamper "$image"
    row UKI "$size MiB" 'verify, one byte changed' 1 'uki.efi' verify --keys "$keys" "$image"
done

for count in 25000 50000 100000; do
    size=$((count / share))
    fresh
    make scripts $size "$root/boot/grub"
    row 'files in /boot/grub' $size 'sign grub' 0 "signed $size, unchanged 0" sign grub --keys "$keys" "$root/boot/grub"
    row 'files in /boot/grub' $size 'sign grub, again' 0 "unchanged $size" sign grub --keys "$keys" "$root/boot/grub"
    row 'files in /boot/grub' $size 'verify' 0 "files: $size, all signed" verify --keys "$keys" "$root/boot/grub"
    printf 'set x=!\n' >"$root/boot/grub/d0/f7.cfg"
    row 'files in /boot/grub' $size 'verify, one changed' 1 'd0/f7.cfg' verify --keys "$keys" "$root/boot/grub"
    row 'files in /boot/grub' $size 'audit --only grub.files' 1 'd0/f7.cfg' \
        --root "$root" audit --keys "$keys" --only grub.files
done

# Firmware that is simulated, with the keys enrolled; copies of the keys, since enrolment changes them.
firmware() {
    rm -rf "$work/own" "$work/store"
    cp -a "$keys" "$work/own"
    mkdir -p "$work/store" "$root/sys/firmware/efi"
    "$bootseal" enroll apply --store "$work/store" --keys "$work/own" --yes --quiet >/dev/null
    ln -s "$work/store" "$root/sys/firmware/efi/efivars"
}

for count in 2500 5000 10000; do
    size=$((count / share))
    fresh
    firmware
    make images $size "$root/efi/EFI/many"
    mkdir -p "$root/proc/self"
    echo '30 22 8:1 / /efi rw - vfat /dev/vda1 rw' >"$root/proc/self/mountinfo"
    find "$root/efi" -name '*.efi' >"$work/images"
    mapfile -t images <"$work/images"
    audit=(--root "$root" audit --keys "$keys" --only 'boot.images,boot.unrecorded')
    row 'images on the ESP' $size 'sign efi' 0 "signed $size, unchanged 0" --root "$root" sign efi --keys "$keys" "${images[@]}"
    row 'images on the ESP' $size 'sign efi, again' 0 "unchanged $size" --root "$root" sign efi --keys "$keys" "${images[@]}"
    row 'images on the ESP' $size 'verify' 0 'signed by' verify --keys "$keys" "${images[@]}"
    row 'images on the ESP' $size 'audit --only boot.images,boot.unrecorded' 0 '2 pass' "${audit[@]}"
    # Signed where no ledger tells of it.
    make uki 1 "$work"
    STATE_DIRECTORY=$work/elsewhere "$bootseal" sign efi --quiet --keys "$keys" "$work/uki.efi"
    mv "$work/uki.efi" "$root/efi/EFI/many/d0/strange.efi"
    row 'images on the ESP' $size 'the same, one more image' 1 'strange.efi' "${audit[@]}"
done

for count in 2500 5000 10000; do
    size=$((count / share))
    fresh
    firmware
    make entries $size "$work" "$keys/db.der"
    make images 1 "$root"
    image=$root/d0/i0.efi
    "$bootseal" sign efi --quiet --keys "$keys" "$image"
    store=(--keys "$work/own" --store "$work/store")
    row 'entries in db' $size 'enroll add db' 0 'db' enroll add db --hash "$work/entries.esl" "${store[@]}" --yes
    row 'entries in db' $size 'enroll plan' 0 'db: nothing to do' enroll plan "${store[@]}"
    row 'entries in db' $size 'verify, by the own key' 0 'signed by' verify --keys "$keys" \
        --db "$work/store"/db-* "$image"
    tamper "$image"
    row 'entries in db' $size 'verify, by none' 1 'i0.efi' verify --keys "$keys" --db "$work/store"/db-* "$image"
    row 'entries in db' $size 'audit --only firmware' 1 "dbx lacks" audit "${store[@]}"
done

fresh
for ((year = 0; year < 10; year++)); do
    make ledger $year "$STATE_DIRECTORY"
    make images 1 "$root"
    # The run folds what has become too long.
    "$bootseal" sign efi --quiet --keys "$keys" "$root/d0/i0.efi"
    rm -r "$root/d0"
    case $year in 0 | 4 | 9) ;; *) continue ;; esac
    size="$((year + 1)) years"
    kernel=/boot/vmlinuz-$year.11.0
    row ledger "$size" "ledger, $(($(stat -c %s "$STATE_DIRECTORY/ledger.jsonl") / 1000)) KB" 0 "$kernel" ledger $kernel
    row ledger "$size" 'ledger verify' 0 'signatures, head' ledger verify
    make images 1 "$root"
    row ledger "$size" 'sign efi' 0 'signed 1, unchanged 0' sign efi --keys "$keys" "$root/d0/i0.efi"
    cp -a "$STATE_DIRECTORY" "$work/broken"
    tamper "$work/broken/ledger.jsonl"
    STATE_DIRECTORY=$work/broken row ledger "$size" 'ledger verify, one byte changed' 1 'line' ledger verify
    rm -r "$work/broken" "$root/d0"
done

make_keys "$work/noted"
for ((note = 1; note <= 520; note++)); do
    "$bootseal" ceremony note "$work/noted" "week $note" --quiet
    case $note in 52 | 260 | 520) ;; *) continue ;; esac
    size="$((note / 52)) years"
    row transcript "$size" "ceremony verify, $(($(stat -c %s "$work/noted/ceremony.jsonl") / 1000)) KB" 0 'the transcript holds' \
        ceremony verify "$work/noted"
    row transcript "$size" 'ceremony note' 0 'noted' ceremony note "$work/noted" 'one more'
    rm -rf "$work/broken"
    cp -a "$work/noted" "$work/broken"
    tamper "$work/broken/ceremony.jsonl"
    row transcript "$size" 'ceremony verify, one byte changed' 1 'line' ceremony verify "$work/broken"
done
exit $wrong
