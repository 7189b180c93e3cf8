#!/bin/busybox sh
# A guest whose administrator installs another GRUB at each start. It reports in lines that begin with "vm: " and judges
# nothing. How often it was started stands on the disk.

/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in /modules/*.ko; do
    insmod "$module"
done
mount -t efivarfs efivarfs /sys/firmware/efi/efivars
mount -t vfat /dev/vda1 /efi

# A command, what it said, and how it ended.
try() {
    "$@" </dev/null
    echo "vm: ended with $?: $*"
}

# With --module or another directory it is another image.
install() {
    directory=$1
    shift
    try bootseal grub install --keys /own --esp /efi --fs-uuid "$(cat /efi/uuid)" --grub-path "$directory" "$@"
}

start=$(cat /efi/start)
echo $((start + 1)) >/efi/start
echo "vm: start $start"
case $start in
1)
    # The distribution's grub-probe says which file system that is.
    try bootseal grub install --keys /own --esp /efi --directory /efi/boot/grub
    ;;
2) install /boot/grub --module ls ;;
3)
    try bootseal grub confirm --esp /efi
    # It finds no menu.
    install /nowhere
    ;;
*) try bootseal grub confirm --esp /efi ;;
esac
for file in /efi/EFI/bootseal/*; do
    echo "vm: there is ${file##*/}"
done
umount /efi
echo "vm: done"
poweroff -f
