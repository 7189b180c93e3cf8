#!/bin/sh
# Makes the disk of a Debian 13: a GPT with an EFI system partition and a root file system with all of Debian, the program under
# test, and a unit that runs /guest/run.sh once the system is up, and then switches it off.
# disk.sh DISK DEBIAN PROGRAM
set -eu
root_start=264192
truncate --size 1500M "$1"
printf '%s\n' 'label: gpt' \
    "start=2048, size=$((root_start - 2048)), type=U, uuid=b0075ea1-0000-4000-8000-000000000001" \
    "start=$root_start, type=L, uuid=b0075ea1-0000-4000-8000-000000000002" | sfdisk --quiet "$1"
mke2fs -q -t ext4 -U b0075ea1-0000-4000-8000-0000000000ff -E "offset=$((root_start * 512))" "$1" \
    $(((1500 * 2048 - root_start - 2048) / 2))k
# shellcheck disable=SC2016 # It is another shell's.
exec unshare --mount --propagation private sh -euc '
loop=$(losetup --find --show "$1")
partx --update "$loop"
mount "${loop}p2" /mnt
losetup --detach "$loop"
tar -xpf "$2" -C /mnt
strip --strip-debug -o /mnt/usr/local/bin/bootseal "$3"
cd /mnt
mkdir -p boot/efi guest
printf "%s\n" "UUID=b0075ea1-0000-4000-8000-0000000000ff / ext4 defaults 0 1" \
    "UUID=B007-5EA1 /boot/efi vfat umask=0077 0 1" >etc/fstab
echo debian13 >etc/hostname
# The drivers of this machine alone, so that an emulator starts it in little time.
echo MODULES=list >etc/initramfs-tools/conf.d/guest
printf "%s\n" virtio_pci virtio_blk ext4 >>etc/initramfs-tools/modules
# It says which kernel has found the root file system.
printf "%s\n" "#!/bin/sh" "[ \"\$1\" = prereqs ] || echo \"guest: Linux \$(uname -r) has its root\" >/dev/console" \
    >etc/initramfs-tools/scripts/local-bottom/guest
chmod +x etc/initramfs-tools/scripts/local-bottom/guest
# It would take the serial line from the unit.
ln -s /dev/null etc/systemd/system/serial-getty@.service
printf "%s\n" "[Unit]" DefaultDependencies=no Requires=sysinit.target After=sysinit.target "[Service]" Type=oneshot \
    TimeoutStartSec=infinity "ExecStart=/bin/sh -c \"sh /guest/run.sh >/dev/ttyS0 2>&1\"" \
    "ExecStopPost=/bin/sh -c \"sync; echo u >/proc/sysrq-trigger; sleep 1; poweroff -ff\"" >etc/systemd/system/guest.service
printf "%s\n" "[Unit]" Requires=guest.service After=guest.service AllowIsolate=yes >etc/systemd/system/default.target
chroot . systemd-machine-id-setup
' sh "$1" "$2" "$3"
