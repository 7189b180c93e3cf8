#!/bin/sh
# Installs a kernel by the rules that Gentoo documents for its installkernel without systemd: arguments, environment,
# order, masking, exit codes, names of what is installed and what the former becomes. Says in /order what it ran.
set -eu
export LC_ALL=C
version=$1
image=$2
INSTALLKERNEL_STAGING_AREA=$(mktemp -d)
trap 'rm -rf "$INSTALLKERNEL_STAGING_AREA"' EXIT
export INSTALLKERNEL_STAGING_AREA INSTALLKERNEL_VERBOSE=0 INSTALLKERNEL_LAYOUT="${LAYOUT:-grub}"
export INSTALLKERNEL_INITRD_GENERATOR=none INSTALLKERNEL_UKI_GENERATOR=none

phase() {
    directory=$1
    shift
    names=$(for place in /etc/kernel /usr/lib/kernel; do ls "$place/$directory" 2>/dev/null || :; done | sort -Vu)
    for name in $names; do
        for place in /etc/kernel /usr/lib/kernel; do
            hook=$place/$directory/$name
            [ -e "$hook" ] || continue
            [ -x "$hook" ] || break # masked
            code=0
            "$hook" "$@" || code=$?
            echo "$directory/$name $code" >>/order
            [ "$code" != 77 ] || return 0
            [ "$code" = 0 ] || exit "$code"
            break
        done
    done
}

put() {
    if [ -f "$2" ]; then
        mv "$2" "$3"
    fi
    cat "$1" >"$2"
}

phase preinst.d "$version" "$image"
staged=$INSTALLKERNEL_STAGING_AREA
if [ -f "$staged/uki.efi" ]; then
    installed=/boot/EFI/Linux/gentoo-$version.efi
    mkdir -p /boot/EFI/Linux
    put "$staged/uki.efi" "$installed" "${installed%.efi}-old.efi"
else
    installed=/boot/vmlinuz-$version
    put "$image" "$installed" "$installed.old"
    if [ -f "$staged/initrd" ]; then
        put "$staged/initrd" "/boot/initramfs-$version.img" "/boot/initramfs-$version.img.old"
    fi
    for name in vmlinuz initramfs.img; do
        if [ -f "/boot/$name" ]; then
            source=$installed
            [ "$name" = vmlinuz ] || source=/boot/initramfs-$version.img
            put "$source" "/boot/$name" "/boot/$name.old"
        fi
    done
fi
phase postinst.d "$version" "$installed"
