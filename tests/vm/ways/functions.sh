# shellcheck shell=sh disable=SC2154
# The words of the ways. They run in the machine's root directory; its own programs are before all others.

# Changes a byte in the middle of a file.
flip() {
    middle=$(($(stat -c %s "$1") / 2))
    byte=$(od -An -tu1 -j $middle -N 1 "$1")
    # shellcheck disable=SC2059
    printf "\\$(printf %03o $((byte ^ 255)))" | dd of="$1" bs=1 seek=$middle conv=notrunc 2>/dev/null
}

# A module as it was built, before anybody signed it.
unsign() {
    cat "$parts/$1" >"$1"
}

# What dracut does when it is called by hand, for this kernel.
initramfs() {
    INSTALLKERNEL_STAGING_AREA=boot ROOT=$PWD usr/lib/kernel/preinst.d/52-initramfs "$1"
    cat boot/initrd >"boot/initramfs-$1.img"
    rm boot/initrd
}

# What `make install` does, and the hooks of the distribution.
install_kernel() {
    built=/usr/src/linux-$1/arch/x86/boot/bzImage
    bootseal hook run modules "$1" "$built"
    if [ -d boot/EFI/Linux ]; then
        cp "$parts/unsigned-$1.efi" "boot/EFI/Linux/linux-$1.efi"
    else
        initramfs "$1"
        cat ".$built" >"boot/vmlinuz-$1"
        grub-mkconfig
    fi
    bootseal hook run all "$1"
}

# All loaders on the EFI system partition are this one from now on.
loaders() {
    for loader in "${esp:-boot}"/EFI/BOOT/* "${esp:-boot}"/EFI/bootseal/* "${esp:-boot}"/EFI/systemd/*; do
        [ ! -f "$loader" ] || cat "$1" >"$loader"
    done
}

# The first boot option of the firmware, and its db.
variables=sys/firmware/efi/efivars
option() {
    cp "$parts/Boot0001-$1" "$variables/Boot0001-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    cp "$parts/BootOrder" "$variables/BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c"
}
db() {
    cat "$1" >"$variables/db-d719b2cb-3d3a-4596-a3bc-dad00e67656f"
}

# The menu waits for somebody: once the first kernel could not be loaded, GRUB 2.12 starts another one without its initramfs.
menu_waits() {
    sed -i 's/timeout=0/timeout=9/' boot/grub/grub.cfg
    bootseal sign grub --accept-changed boot/grub/grub.cfg boot/grub/grub.cfg
}

# Signs files anew, as somebody does who trusts what is in them, and does not heed what is said of the next start.
sign_grub() {
    for file; do bootseal sign grub --accept-changed "$file" "$file" || true; done
}
sign_efi() {
    for file; do bootseal sign efi --accept-changed "$file" "$file" || true; done
}

# A copy of an image, signed by a key of which the machine knows nothing.
by_other_key() {
    cat "$1" >"$parts/by-other-key"
    "$program" sign efi --keys "$foreign" "$parts/by-other-key"
    cat "$parts/by-other-key" >"$2"
}

# The same of a module in its place.
module_by_other_key() {
    unsign "$1"
    "$program" sign modules --keys "$foreign" --key db "$1"
}

# A signature for GRUB by the same.
for_grub_by_other_key() {
    "$program" sign grub --keys "$foreign" --accept-changed "$1" "$1"
}

# The private keys of the ceremony.
restore_keys() {
    for name in db grub; do cat "$keys/$name.key" >"etc/bootseal/keys/$name.key"; done
    cat "$keys/db.key" >etc/bootseal/keys/module.key
}

# An entry of systemd-boot that starts by itself.
entry() {
    mkdir -p boot/loader/entries
    printf '%s\n' "title x" "$@" >boot/loader/entries/x.conf
    echo 'default x.conf' >boot/loader/loader.conf
}

# The entry that systemd-boot starts once, as bootctl set-oneshot has it.
next_once() {
    variable=$variables/LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f
    # shellcheck disable=SC2059
    printf "\007\000\000\000$(printf %s "$1" | sed 's/./&\\000/g')\000\000" >"$variable"
}
