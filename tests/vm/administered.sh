#!/bin/busybox sh
# A guest that mounts its disk and runs what it finds there. It reports in lines that begin with "vm: " and judges nothing.

/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t securityfs securityfs /sys/kernel/security
for module in /modules/*.ko; do
    insmod "$module"
done
mount -t efivarfs efivarfs /sys/firmware/efi/efivars
# Of keys on it everybody else is to read nothing.
mount -t vfat -o umask=077 /dev/vda /efi

GLOBAL=8be4df61-93ca-11d2-aa0d-00e098032b8c

# A variable of one byte.
flag() {
    echo "vm: $1=$(tail -c 1 "/sys/firmware/efi/efivars/$1-$GLOBAL" | hexdump -v -e '/1 "%u"')"
}

# A command, what it said, and how it ended.
try() {
    echo "vm: \$ $*"
    "$@" </dev/null
    echo "vm: ended with $?: $*"
}

echo "vm: started with $(cat /proc/cmdline)"
flag SetupMode
flag SecureBoot
echo "vm: pcr7 $(tr A-F a-f </sys/class/tpm/tpm0/pcr-sha256/7)"
. /efi/run.sh
flag SetupMode
sync
echo "vm: done"
poweroff -f
