# shellcheck shell=sh disable=SC2012,SC2034,SC2046
# Where a Debian has what the ways need.
esp=boot/efi
parts=/guest/parts
program=/usr/local/bin/bootseal
foreign=/root/foreign
if [ -d /debs ]; then
    set -- $(cd /debs && ls -v linux-image-6*_amd64.deb | sed 's/^linux-image-//; s/_.*//')
    old=$1 new=$2
fi
uki=boot/efi/EFI/Linux/$(cat /etc/machine-id)-${new:-}.efi
systemd_boot=/usr/lib/systemd/boot/efi/systemd-bootx64.efi
grub=/usr/lib/grub/x86_64-efi/monolithic/grubx64.efi
