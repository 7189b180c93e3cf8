# shellcheck shell=sh
# A new user with unified images that systemd-boot starts: Debian's kernel-install makes them by ukify.
printf '%s\n' layout=uki uki_generator=ukify BOOT_ROOT=/boot/efi >/etc/kernel/install.conf
echo 'root=UUID=b0075ea1-0000-4000-8000-0000000000ff ro console=ttyS0 panic=-1 no_timer_check quiet' >/etc/kernel/cmdline
apt-get install -y -qq --no-install-recommends systemd-boot-efi systemd-ukify
apt-get install -y -qq --no-install-recommends systemd-boot
update-initramfs -u
