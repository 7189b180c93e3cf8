#!/bin/busybox sh
# A guest that only shows that it was started.

/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t securityfs securityfs /sys/kernel/security
echo "vm: started with $(cat /proc/cmdline)"
echo "vm: lockdown: $(cat /sys/kernel/security/lockdown)"
echo "vm: done"
poweroff -f
