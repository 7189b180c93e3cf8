#!/bin/busybox sh
# All that the guest does. It reports what it finds in lines that begin with "vm: ", on which the
# host's assertions stand; it judges nothing itself.

/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t securityfs securityfs /sys/kernel/security
insmod /modules/efivarfs.ko
mount -t efivarfs efivarfs /sys/firmware/efi/efivars

GLOBAL=8be4df61-93ca-11d2-aa0d-00e098032b8c
DATABASE=d719b2cb-3d3a-4596-a3bc-dad00e67656f
cd /sys/firmware/efi/efivars

# A variable's data, after its four bytes of attributes. efivarfs cannot seek, hence the pipe.
data() {
    cat "$1-$2" | tail -c +5
}

# A variable of one byte.
flag() {
    echo "vm: $1=$(data "$1" $GLOBAL | hexdump -v -e '/1 "%u"')"
}

# A variable's attributes in hexadecimal, and the SHA-256 digest of its data.
variable() {
    if [ -e "$1-$2" ]; then
        echo "vm: $1 $(head -c 4 "$1-$2" | hexdump -v -e '/1 "%02x"')" \
            "$(data "$1" "$2" | sha256sum | cut -d ' ' -f 1)"
    else
        echo "vm: $1 absent"
    fi
}

firmware() {
    flag SetupMode
    flag SecureBoot
    variable PK $GLOBAL
    variable KEK $GLOBAL
    variable db $DATABASE
    variable dbx $DATABASE
}

try_module() {
    if answer=$(insmod "/modules/$1" 2>&1); then
        echo "vm: $1 loads"
    else
        echo "vm: $1 refused: $answer"
    fi
}

# Whether efivarfs protects a variable: an immutable file cannot even be opened for writing.
protection() {
    if answer=$({ : >>"$2"; } 2>&1); then
        echo "vm: $1: open"
    else
        echo "vm: $1: ${answer##*: }"
    fi
}

echo "vm: started with $(cat /proc/cmdline)"
setup=$(flag SetupMode)
if [ "$setup" = "vm: SetupMode=1" ]; then
    # A variable is one write(2): attributes, then the data.
    { printf '\047\000\000\000'; cat /former-db.auth; } >/tmp/db
    dd if=/tmp/db of=db-$DATABASE bs=1M 2>/dev/null
fi
firmware
echo "vm: lockdown: $(cat /sys/kernel/security/lockdown)"
if [ "$setup" = "vm: SetupMode=1" ]; then
    protection "db before" db-$DATABASE
    bootseal enroll apply --keys /keys --store live --yes </dev/null
    echo "vm: enroll ended with $?"
    protection "db after" db-$DATABASE
    firmware
else
    try_module flipped.ko
    try_module unsigned.ko
    try_module signed.ko
    echo "vm: tainted=$(cat /proc/sys/kernel/tainted)"
fi
echo "vm: done"
poweroff -f
