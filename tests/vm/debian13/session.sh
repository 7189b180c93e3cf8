#!/bin/sh
# Runs a script in a Debian that is switched off: its root file system is mounted here, its EFI system partition is a directory,
# since not every machine that tests has FAT in its kernel, and what a running machine tells of itself is what it told last
# (/guest). All of it is gone with this process.
# session.sh DISK ESP SCRIPT
set -eu
# shellcheck disable=SC2016 # It is another shell's.
exec unshare --mount --propagation private sh -euc '
loop=$(losetup --find --show "$1")
partx --update "$loop"
root=/mnt
mount "${loop}p2" $root
# Once nobody has it mounted.
losetup --detach "$loop"
mkdir -p $root/boot/efi $root/guest
mount --bind "$2" $root/boot/efi
mount --bind /sys $root/sys
for directory in run dev proc sys/firmware sys/kernel/security sys/module sys/class/block; do mount -t tmpfs none $root/$directory; done
for name in "${loop##*/}" "${loop##*/}p1" "${loop##*/}p2"; do
    ln -s "$(readlink "/sys/class/block/$name")" $root/sys/class/block
done
[ ! -d $root/guest/efi ] || { mkdir $root/sys/firmware/efi && mount --bind $root/guest/efi $root/sys/firmware/efi; }
[ ! -d $root/guest/security ] || cp -a $root/guest/security/. $root/sys/kernel/security
mkdir -p $root/sys/module/module/parameters
[ ! -f $root/guest/security/sig_enforce ] || cp $root/guest/security/sig_enforce $root/sys/module/module/parameters
[ ! -d $root/guest/proc ] || cp -a $root/guest/proc/. $root/proc
cp -a /dev/null /dev/zero /dev/random /dev/urandom /dev/tty "$loop" "${loop}p1" "${loop}p2" $root/dev
mkdir -p $root/dev/disk/by-uuid $root/dev/disk/by-partuuid $root/proc/self
for number in 1 2; do
    ln -s "../../${loop##*/}p$number" $root/dev/disk/by-partuuid/b0075ea1-0000-4000-8000-00000000000$number
done
ln -s "../../${loop##*/}p2" $root/dev/disk/by-uuid/b0075ea1-0000-4000-8000-0000000000ff
ln -s "../../${loop##*/}p1" $root/dev/disk/by-uuid/B007-5EA1
ln -s /usr/local/bin/bootseal $root/proc/self/exe
mkdir -p $root/proc/sys/kernel/random
cp /proc/sys/kernel/random/boot_id $root/proc/sys/kernel/random
cp /proc/filesystems /proc/cpuinfo /proc/meminfo /proc/devices $root/proc
number() { stat -c %Hr:%Lr "${loop}p$1"; }
printf "%s\n" "20 1 $(number 2) / / rw - ext4 ${loop}p2 rw" "21 20 $(number 1) / /boot/efi rw - vfat ${loop}p1 rw" \
    >$root/proc/self/mountinfo
printf "%s\n" "${loop}p2 / ext4 rw 0 0" "${loop}p1 /boot/efi vfat rw 0 0" >$root/proc/mounts
# bootctl would want a partition, and has no directory for one.
exec chroot $root env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive SYSTEMD_RELAX_ESP_CHECKS=1 sh -euc "$3"
' sh "$1" "$2" "$3"
