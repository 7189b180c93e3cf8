#!/bin/busybox sh
# shellcheck shell=dash
# A guest whose audits are kept: after the first one somebody does a thing, it is looked for, and undone. What an audit
# says goes to the disk at the end; on the serial line there is only how it ended.

/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t securityfs securityfs /sys/kernel/security
echo "vm: started with $(cat /proc/cmdline)"
for name in efivarfs virtio_blk nls_cp437 nls_ascii fat vfat dummy; do
    insmod "$(find "/lib/modules/$(uname -r)" -name "$name.ko")"
done
mount -t efivarfs efivarfs /sys/firmware/efi/efivars
mount -t vfat -o umask=0077 /dev/vda1 /boot
hostname node

release=$(uname -r)
modules=/lib/modules/$release/kernel
image=/boot/vmlinuz-$release
initramfs=/boot/initramfs-$release.img
dummy=$modules/drivers/net/dummy.ko
hook=/etc/kernel/postinst.d/50-bootseal-image
faults=/boot/faults
keys=/etc/bootseal/keys
mkdir /audits /kept
# The archive of the initramfs has none of a directory's modes.
chmod 0700 "$keys"

# What an audit says, kept under a name; more words are options of it.
audit() {
    name=$1
    shift
    bootseal --json audit "$@" >"/audits/$name.json" 2>"/audits/$name.txt"
    echo "vm: audit $name ended with $?"
}

# Extends PCR 7 of the bank for SHA-256 by a digest of zeros, which no log has: TPM2_PCR_Extend (TPM 2.0 library, part 3, section 22.2)
# with an empty password.
extend_pcr_7() {
    {
        printf '\200\002\0\0\0\101\0\0\001\202\0\0\0\007\0\0\0\011\100\0\0\011\0\0\0\0\0\0\0\0\001\0\013'
        head -c 32 /dev/zero
    } >/tmp/extend
    exec 3<>/dev/tpm0
    dd if=/tmp/extend bs=65 count=1 >&3 2>/dev/null || echo 'vm: failed: PCR 7 is not extended'
    # The answer is taken, whatever it is: the register tells.
    dd bs=4096 count=1 <&3 >/dev/null 2>&1
    exec 3>&-
}

# Writes the type of a partition to the disk, whose table the kernel has read already. There is no udev.
partition_type() {
    sfdisk --quiet --no-reread --no-tell-kernel --force --part-type /dev/vda "$1" "$2" || echo "vm: failed: sfdisk"
}

# Keeps files as they are, and brings them back.
keep() {
    rm -rf /kept/*
    tar -c -f /kept/files "$@" 2>/dev/null
}
bring_back() {
    rm -rf "$@"
    tar -x -f /kept/files -C /
}

# Changes a byte in the middle of a file.
flip() {
    middle=$(($(stat -c %s "$1") / 2))
    byte=$(dd if="$1" bs=1 skip=$middle count=1 2>/dev/null | hexdump -v -e '/1 "%u"')
    # shellcheck disable=SC2059
    printf "\\$(printf %03o $((byte ^ 255)))" | dd of="$1" bs=1 seek=$middle conv=notrunc 2>/dev/null
}

# Variables of the firmware that need no signature.
variables=/sys/firmware/efi/efivars
owner=8be4df61-93ca-11d2-aa0d-00e098032b8c
variable() {
    cat "$faults/$1" >"$variables/$1-$owner"
}
keep_variable() {
    cat "$variables/$1-$owner" >"/kept/$1"
}
variable_back() {
    cat "/kept/$1" >"$variables/$1-$owner"
}
forget_variable() {
    chattr -i "$variables/$1-$owner"
    rm "$variables/$1-$owner"
}

# A command of an administrator's, which must succeed.
must() {
    "$@" >/tmp/said 2>&1 </dev/null || {
        echo "vm: failed: $*"
        sed 's/^/vm: | /' /tmp/said
    }
}

# Files that were signed elsewhere, before this machine had a ledger, are taken over once.
must bootseal sign efi "$image"
must bootseal sign grub /boot/grub

# The disk is not to be in use by this script.
cp /boot/run.sh /run.sh
# shellcheck disable=SC1091
. /run.sh
mkdir /boot/audits
cp /audits/* /boot/audits
umount /boot
echo "vm: done"
poweroff -f
