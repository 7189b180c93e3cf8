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

# What Debian 13's kmod says of a module's signature.
signature() {
    for field in signer sig_hashalgo sig_key; do
        /modinfo/ld-linux-x86-64.so.2 --library-path /modinfo --argv0 modinfo /modinfo/kmod -F $field "$1"
    done | tr '\n' ' '
}

# Packed modules are unpacked by the kernel itself where it can (Debian's can xz, and nothing else), or else by the
# tools that a distribution would use. kmod does not ask the kernel before version 31, hence finit_module.
try_module() {
    name=${1##*/}
    case $name in
    *.ko.xz)
        how=" (unpacked by the kernel)"
        answer=$(finit_module "$1" 2>&1)
        ;;
    *.ko.gz)
        how=" (unpacked by gunzip)"
        answer=$({ gunzip -c "$1" >/tmp/module.ko && insmod /tmp/module.ko; } 2>&1)
        ;;
    *.ko.zst)
        how=" (unpacked by kmod)"
        answer=$(/kmod/insmod "$1" 2>&1)
        ;;
    *)
        how=""
        answer=$(insmod "$1" 2>&1)
        ;;
    esac
    if [ $? = 0 ]; then
        echo "vm: $name loads$how"
        case $name in
        *.ko.gz) echo "vm: $name: $(signature /tmp/module.ko)" ;;
        *) echo "vm: $name: $(signature "$1")" ;;
        esac
        # They are all the same module, which is there only once.
        rmmod dummy || echo "vm: $name does not unload"
    else
        echo "vm: $name refused: $answer"
    fi
}

# Signs on a FAT file system, with the other machine's keys, by names in the other case.
sign_on_fat() {
    for module in loop nls_cp437 nls_ascii fat vfat; do
        insmod "/modules/$module.ko"
    done
    mkdir /fat
    losetup /dev/loop0 /fat.img
    mount -t vfat /dev/loop0 /fat
    bootseal sign efi --keys /former /fat/efi/boot/bootx64.efi
    echo "vm: sign efi on FAT ended with $?"
    bootseal sign grub --keys /former /fat/boot/grub/GRUB.CFG
    echo "vm: sign grub on FAT ended with $?"
    # What counts is what is on the disk.
    umount /fat
    mount -t vfat /dev/loop0 /fat
    bootseal verify --keys /former /fat/EFI/BOOT/BOOTX64.EFI /fat/boot/grub/grub.cfg
    echo "vm: verify on FAT ended with $?"
    cd /fat
    find . -type f | sort | while read -r file; do
        echo "vm: on FAT: $file"
    done
    echo "vm: on FAT: $(sha256sum EFI/BOOT/BOOTX64.EFI)"
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
    { printf '\047\000\000\000'; cat /former/db.auth; } >/tmp/db
    dd if=/tmp/db of=db-$DATABASE bs=1M 2>/dev/null
fi
firmware
echo "vm: lockdown: $(cat /sys/kernel/security/lockdown)"
if [ "$setup" = "vm: SetupMode=1" ]; then
    protection "db before" db-$DATABASE
    # This machine has no TPM, and its disk is not mounted.
    bootseal enroll apply --keys /keys --store live --yes \
        --i-know-option-roms-may-stop-working --i-know-this-machine-may-not-boot </dev/null
    echo "vm: enroll ended with $?"
    protection "db after" db-$DATABASE
    firmware
else
    sed -n 's/.* asymmetri /vm: key: /p' /proc/keys
    for module in /modules/try/*; do
        try_module "$module"
    done
    echo "vm: tainted=$(cat /proc/sys/kernel/tainted)"
    sign_on_fat
fi
echo "vm: done"
poweroff -f
