# shellcheck shell=sh disable=SC2016 # The variable is GRUB's own.
# A Debian as its installer leaves it: its own GRUB starts it, and nobody has thought of signatures.
apt-get install -y -qq --no-install-recommends grub-efi-amd64
printf '%s\n' GRUB_DEFAULT=0 GRUB_TIMEOUT=0 GRUB_TERMINAL=console 'GRUB_CMDLINE_LINUX="console=ttyS0 panic=-1 no_timer_check quiet"' \
    >/etc/default/grub
mkdir -p /boot/grub /boot/efi/EFI
update-initramfs -u
# What grub-install does with an EFI system partition that is one.
mkdir -p /boot/efi/EFI/BOOT /boot/efi/EFI/debian
cp /usr/lib/grub/x86_64-efi/monolithic/grubx64.efi /boot/efi/EFI/BOOT/BOOTX64.EFI
printf '%s\n' 'search.fs_uuid b0075ea1-0000-4000-8000-0000000000ff root' "set prefix=(\$root)'/boot/grub'" \
    'configfile $prefix/grub.cfg' >/boot/efi/EFI/debian/grub.cfg
update-grub
