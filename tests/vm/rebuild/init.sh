#!/bin/busybox sh
# shellcheck shell=dash
# A guest that installs and removes kernels on its disk, which is its /boot. It reports in lines that begin with "vm: "
# and judges nothing. All modules are of the kernel that runs, and from the initramfs that was made for it.

/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t securityfs securityfs /sys/kernel/security
echo "vm: started with $(cat /proc/cmdline)"
for name in efivarfs virtio_blk nls_cp437 nls_ascii fat vfat dummy; do
    insmod "$(find "/lib/modules/$(uname -r)" -name "$name.ko")" && echo "vm: $name loads"
done
mount -t efivarfs efivarfs /sys/firmware/efi/efivars
mount -t vfat /dev/vda /boot

# What GRUB finds, and what is not for it.
report() {
    echo "vm: first of the menu: $(grep -m 1 -o '[^ ]*-amd64' /boot/grub/grub.cfg)"
    echo "vm: there are $(cd /boot && find . -type f ! -path './built/*' | sort | tr '\n' ' ')"
}

# Runs a command that is killed at its `$2`nd renaming of a file, if it is bootseal in the slot `$1`.
killed_in() {
    mkdir -p /killing
    cat >/killing/bootseal <<SCRIPT
#!/bin/sh
[ "\$3" != $1 ] || exec strace -f -o /dev/null -e trace=/^rename -e inject=/^rename:signal=SIGKILL:when=$2 /bin/bootseal "\$@"
exec /bin/bootseal "\$@"
SCRIPT
    chmod 755 /killing/bootseal
    shift 2
    PATH=/killing:$PATH "$@"
}

# What the package manager does with a kernel that was built: its modules, then the hooks.
emerge_kernel() {
    cp -r /boot/built/lib /
    rm -f /order
    sh /sbin/installkernel "$1" /boot/built/bzImage </dev/null
    echo "vm: installkernel ended with $?"
    sed 's/^/vm: ran /' /order
    report
}

# Removes a kernel as eclean-kernel does, which knows nothing of signatures.
remove_kernel() {
    rm -rf "/boot/vmlinuz-$1" "/boot/vmlinuz-$1.old" "/boot/initramfs-$1.img" "/boot/initramfs-$1.img.old" \
        "/lib/modules/$1"
    /usr/lib/kernel/postinst.d/91-grub-mkconfig
}

echo "vm: SecureBoot=$(tail -c 1 /sys/firmware/efi/efivars/SecureBoot-* | hexdump -v -e '/1 "%u"')"
echo "vm: lockdown: $(cat /sys/kernel/security/lockdown)"
echo "vm: tainted=$(cat /proc/sys/kernel/tainted)"
# shellcheck disable=SC1091
. /boot/run.sh
report
umount /boot
echo "vm: done"
poweroff -f
