# shellcheck shell=sh
# What the machine says of itself while it runs, for those who look at its disk while it is off.
rm -rf /guest/proc /guest/efi /guest/security
mkdir -p /guest/proc/sys/kernel /guest/efi/efivars /guest/security
for file in cmdline keys modules version swaps sys/kernel/osrelease sys/kernel/tainted sys/kernel/hostname; do
    cat "/proc/$file" >"/guest/proc/$file"
done
for file in /sys/firmware/efi/efivars/*; do cat "$file" >"/guest/efi/efivars/${file##*/}"; done
cat /sys/kernel/security/lockdown >/guest/security/lockdown
cat /sys/module/module/parameters/sig_enforce >/guest/security/sig_enforce
