//! The faults, and the findings that each must bring.

/// Debian's kernel is not configured as ours would be: that is accepted, and nothing else.
pub const BASELINE: &str = "[[accept]]\ncheck = \"kernel.configuration\"\nreason = \"the distribution's kernel\"\n\
    until = \"2999-12-31\"\n";

/// A check, and how the subject of a finding of it begins; `VERSION` stands for the kernel's.
pub type Found = (&'static str, &'static str);

/// One thing that is made wrong in the guest.
pub struct Fault {
    pub name: &'static str,
    /// The commands that bring it about, by the functions of `init.sh`.
    does: &'static str,
    undoes: &'static str,
    /// All that is found.
    pub found: &'static [Found],
}

impl Fault {
    /// Does it, looks, undoes it.
    pub fn script(&self) -> String {
        format!("{}\naudit {}\n{}\n", self.does, self.name, self.undoes)
    }
}

const DUMMY: &str = "/lib/modules/VERSION/kernel/drivers/net/dummy.ko";

/// Those that need no restart.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "unsigned-image-in-boot-order",
        does: "mkdir /boot/EFI/other\ncp $faults/unsigned /boot/EFI/other/linux.efi\nkeep_variable BootOrder\n\
               variable Boot0077\nvariable BootOrder",
        undoes: "variable_back BootOrder\nforget_variable Boot0077\nrm -r /boot/EFI/other",
        found: &[("boot.entries", "/boot/EFI/other/linux.efi")],
    },
    Fault {
        name: "program-before-the-boot-loader",
        does: "variable Driver0001\nvariable DriverOrder",
        undoes: "forget_variable DriverOrder\nforget_variable Driver0001",
        found: &[("boot.early", "Driver0001")],
    },
    Fault {
        name: "program-that-prepares-the-system",
        does: "variable SysPrep0002\nvariable SysPrepOrder",
        undoes: "forget_variable SysPrepOrder\nforget_variable SysPrep0002",
        found: &[("boot.early", "SysPrep0002")],
    },
    Fault {
        name: "partition-that-nobody-mounts",
        does: "partition_type 2 U",
        undoes: "partition_type 2 L",
        found: &[
            ("boot.beside", "/dev/vda2:/loader/loader.conf"),
            ("boot.beside", "/dev/vda2:/loader/credentials/more.cred"),
            ("boot.command_lines", "/dev/vda2:/loader/entries/more.conf: rd.break"),
            ("boot.images", "/dev/vda2:/EFI/old/old.efi"),
            ("boot.unrecorded", "/dev/vda2:/EFI/old/old.efi"),
            ("grub.files", "/dev/vda2:/grub/grub.cfg:1"),
        ],
    },
    Fault {
        name: "settings-and-extensions-beside-loaders",
        does: "mkdir -p /boot/loader/extensions\necho 'editor yes' >/boot/loader/loader.conf\n\
               echo x >/boot/loader/extensions/more.raw\nmkdir /boot/loader/credentials\n\
               echo x >/boot/loader/credentials/more.cred",
        undoes: "rm -r /boot/loader",
        found: &[
            ("boot.beside", "/boot/loader/loader.conf"),
            ("boot.beside", "/boot/loader/extensions/more.raw"),
            ("boot.beside", "/boot/loader/credentials/more.cred"),
        ],
    },
    Fault {
        name: "grub-without-pgp",
        does: "gunzip -c $faults/no-pgp.gz >/boot/EFI/BOOT/old.efi",
        undoes: "rm /boot/EFI/BOOT/old.efi",
        found: &[
            ("boot.images", "/boot/EFI/BOOT/old.efi"),
            ("boot.unrecorded", "/boot/EFI/BOOT/old.efi"),
        ],
    },
    Fault {
        name: "started-by-another-loader",
        does: "keep /boot/EFI/BOOT\ncp $faults/other-grub /boot/EFI/BOOT/BOOTX64.EFI",
        undoes: "bring_back /boot/EFI/BOOT",
        found: &[("measured.loaders", "PciRoot(0x0)")],
    },
    Fault {
        name: "partition-for-all-to-write",
        does: "umount /boot\nmount -t vfat -o umask=0 /dev/vda1 /boot",
        undoes: "umount /boot\nmount -t vfat -o umask=0077 /dev/vda1 /boot",
        found: &[("boot.partition", "/boot")],
    },
    Fault {
        name: "kernel-changed",
        does: "keep $image\nflip $image",
        undoes: "bring_back $image",
        found: &[
            ("boot.entries", "/boot/vmlinuz-VERSION"),
            ("boot.kernels", "/boot/vmlinuz-VERSION"),
            ("boot.next_start", "/boot/vmlinuz-VERSION"),
            ("grub.files", "/boot/vmlinuz-VERSION"),
            ("kernel.image", "running kernel"),
            // The hash of the kernel that runs.
            ("measured.loaders", ""),
        ],
    },
    Fault {
        name: "initramfs-changed",
        does: "keep $initramfs\nprintf '\\0\\0\\0\\0' >>$initramfs",
        undoes: "bring_back $initramfs",
        found: &[
            ("boot.next_start", "/boot/initramfs-VERSION.img"),
            ("grub.files", "/boot/initramfs-VERSION.img"),
        ],
    },
    Fault {
        name: "signature-removed",
        does: "keep /boot/grub/grub.cfg.sig\nrm /boot/grub/grub.cfg.sig",
        undoes: "bring_back /boot/grub/grub.cfg.sig",
        // GRUB falls back to the menu that is kept.
        found: &[
            ("boot.next_start", "/boot/grub/grub.cfg"),
            ("grub.files", "/boot/grub/grub.cfg"),
        ],
    },
    Fault {
        name: "menu-that-checks-nothing",
        does: "keep /boot/grub\necho 'set check_signatures=no' >>/boot/grub/grub.cfg\n\
               must bootseal sign grub --accept-changed /boot/grub/grub.cfg /boot/grub",
        undoes: "bring_back /boot/grub",
        found: &[("grub.files", "/boot/grub/grub.cfg:")],
    },
    Fault {
        name: "menu-that-checks-nothing-in-other-words",
        does: "keep /boot/grub\necho 'for check_signatures in no; do true; done' >>/boot/grub/grub.cfg\n\
               must bootseal sign grub --accept-changed /boot/grub/grub.cfg /boot/grub",
        undoes: "bring_back /boot/grub",
        found: &[("grub.files", "/boot/grub/grub.cfg:")],
    },
    Fault {
        name: "module-signed-over-sha1",
        does: "keep $dummy\ncp $faults/sha1.ko $dummy",
        undoes: "bring_back $dummy",
        found: &[("modules.files", DUMMY)],
    },
    Fault {
        name: "module-changed",
        does: "keep $dummy\nflip $dummy",
        undoes: "bring_back $dummy",
        found: &[("modules.files", DUMMY)],
    },
    Fault {
        name: "modules-unsigned",
        does: "keep $dummy\ncp $faults/unsigned.ko $dummy\n\
               mkdir /elsewhere\ncp $faults/unsigned.ko /elsewhere/more.ko\nln -s /elsewhere /lib/modules/$release/extra",
        undoes: "bring_back $dummy\nrm -r /lib/modules/$release/extra /elsewhere",
        found: &[("modules.files", DUMMY), ("modules.files", "/elsewhere/more.ko")],
    },
    Fault {
        name: "initramfs-with-unsigned-module",
        does: "keep $initramfs $initramfs.sig\nmkdir -p /more/lib\ncp $faults/unsigned.ko /more/lib/more.ko\n\
               (cd /more && find . | cpio -o -H newc >>$initramfs)\n\
               must bootseal sign grub --accept-changed $initramfs $initramfs",
        undoes: "bring_back $initramfs $initramfs.sig",
        found: &[("modules.initramfs", "/boot/initramfs-VERSION.img: ")],
    },
    Fault {
        name: "modules-of-another-architecture",
        does: "cp $faults/arm64 /boot/vmlinuz-6.99.0-arm64\nmkdir -p /lib/modules/6.99.0-arm64/kernel\n\
               cp $faults/unsigned.ko /lib/modules/6.99.0-arm64/kernel/more.ko",
        undoes: "rm -r /boot/vmlinuz-6.99.0-arm64 /lib/modules/6.99.0-arm64",
        found: &[
            // It lies where firmware looks.
            ("boot.images", "/boot/vmlinuz-6.99.0-arm64"),
            ("modules.files", "/lib/modules/6.99.0-arm64/kernel/more.ko"),
        ],
    },
    Fault {
        name: "module-loaded-from-nowhere",
        does: "mv $dummy /kept/dummy",
        undoes: "mv /kept/dummy $dummy",
        found: &[("modules.loaded", "dummy")],
    },
    Fault {
        name: "module-loaded-of-another-build",
        does: "keep $dummy\ncp $faults/other.ko $dummy",
        undoes: "bring_back $dummy",
        found: &[("modules.loaded", "dummy")],
    },
    Fault {
        name: "menu-with-another-init",
        does: "keep /boot/grub\nsed -i 's| quiet| quiet init=/bin/sh|' /boot/grub/grub.cfg\n\
               must bootseal sign grub --accept-changed /boot/grub/grub.cfg /boot/grub",
        undoes: "bring_back /boot/grub",
        found: &[("boot.command_lines", "/boot/grub/grub.cfg:")],
    },
    Fault {
        name: "menu-that-makes-entries-of-files",
        does: "keep /boot/grub\nmkdir /boot/more /boot/EFI/Linux\n\
               printf 'title More\\n linux /vmlinuz-%s\\n options systemd.run=/bin/sh\\n' $release >/boot/more/more.conf\n\
               gunzip -c $faults/plain.gz >'/boot/EFI/Linux/x; unset check_signatures; true .efi'\n\
               cp $faults/plain.sig '/boot/EFI/Linux/x; unset check_signatures; true .efi.sig'\n\
               echo 'if false; then blscfg -dfp /more; uki; fi' >>/boot/grub/grub.cfg\n\
               must bootseal sign grub --accept-changed /boot/grub/grub.cfg --accept-changed /boot/more/more.conf \
               /boot/grub/grub.cfg /boot/more/more.conf",
        undoes: "bring_back /boot/grub\nrm -r /boot/more /boot/EFI/Linux",
        found: &[
            ("boot.command_lines", "/boot/more/more.conf: systemd.run=/bin/sh"),
            (
                "boot.unrecorded",
                "/boot/EFI/Linux/x; unset check_signatures; true .efi",
            ),
            // Its name, and what is left of it for the entry.
            ("grub.files", "/boot/EFI/Linux/x; unset check_signatures; true .efi:1"),
            ("grub.files", "/boot/grub/grub.cfg:"),
        ],
    },
    Fault {
        name: "unified-image-with-another-init",
        does: "mkdir /boot/EFI/Linux\ngunzip -c $faults/unified.gz >/boot/EFI/Linux/unified.efi",
        undoes: "rm -r /boot/EFI/Linux",
        found: &[
            ("boot.uki", "/boot/EFI/Linux/unified.efi: init=/bin/sh"),
            ("boot.unrecorded", "/boot/EFI/Linux/unified.efi"),
        ],
    },
    Fault {
        name: "key-for-all-to-read",
        does: "chmod 0644 $keys/db.key",
        undoes: "chmod 0400 $keys/db.key",
        // The hook would not sign with it either.
        found: &[
            ("keys.private", "/etc/bootseal/keys/db.key"),
            ("hooks.next_kernel", "db key"),
        ],
    },
    Fault {
        name: "platform-key-on-the-node",
        does: "cp /offline/PK.key $keys",
        undoes: "rm $keys/PK.key",
        found: &[("keys.offline", "PK"), ("keys.at_rest", "PK")],
    },
    Fault {
        name: "keys-on-fat",
        does: "mv $keys /boot/keys\nln -s /boot/keys $keys",
        undoes: "rm $keys\nmv /boot/keys $keys",
        found: &[("keys.place", "/etc/bootseal/keys/")],
    },
    Fault {
        name: "key-left-on-the-partition",
        does: "cp /offline/KEK.key /boot/KEK.pem",
        undoes: "rm /boot/KEK.pem",
        found: &[("keys.place", "/boot/KEK.pem")],
    },
    Fault {
        name: "hook-removed",
        does: "mv $hook /kept/hook",
        undoes: "mv /kept/hook $hook",
        found: &[("hooks.next_kernel", "/etc/kernel/postinst.d/50-bootseal-image")],
    },
    Fault {
        name: "hook-not-executable",
        does: "chmod 0644 $hook",
        undoes: "chmod 0755 $hook",
        found: &[("hooks.next_kernel", "/etc/kernel/postinst.d/50-bootseal-image")],
    },
    Fault {
        name: "hook-masked",
        does: "mv $hook /kept/hook\nln -s /dev/null $hook",
        undoes: "mv /kept/hook $hook",
        found: &[("hooks.next_kernel", "/etc/kernel/postinst.d/50-bootseal-image")],
    },
    Fault {
        name: "hook-failed",
        does: "bootseal hook run image 6.99.0 $faults/unsigned.ko /boot >/dev/null 2>&1 </dev/null",
        undoes: "must bootseal hook run image $release $image",
        found: &[("hooks.last_run", "image")],
    },
    Fault {
        name: "certificates-expired",
        does: "now=$(date +%s)\ndate -s @$((now + 3600 * 24 * 365 * 40)) >/dev/null",
        undoes: "date -s @$now >/dev/null",
        found: &[
            ("firmware.certificates", "PK: "),
            ("firmware.certificates", "KEK: "),
            ("firmware.certificates", "db: "),
            ("keys.expiry", ""),
            ("keys.drill", "drill"),
        ],
    },
    Fault {
        name: "foreign-entry-in-db",
        // Somebody with the keys, of which this node's own directory knows nothing.
        does: "cp -a $keys /meant\nmust bootseal enroll add db $faults/foreign.pem --keys /offline --yes\n\
               rm -r $keys\nmv /meant $keys",
        undoes: "must bootseal enroll remove db \"$(cat $faults/foreign.id)\" --keys /offline --yes",
        found: &[("firmware.variables", "db: "), ("measured.variables", "db")],
    },
    Fault {
        name: "boot-file-in-dbx",
        does: "must bootseal enroll add dbx /boot/EFI/BOOT/BOOTX64.EFI --keys /offline --yes \
               --i-know-this-machine-may-not-boot",
        undoes: "",
        found: &[
            ("boot.entries", "/boot/EFI/BOOT/BOOTX64.EFI"),
            ("measured.variables", "dbx"),
        ],
    },
];

/// With a card whose Option ROM nobody has signed.
pub const UNSIGNED_CARD: &[Found] = &[("measured.option_roms", "PciRoot(0x0)")];

/// With a measurement that is in no log.
pub const MEASURED_BESIDE_THE_LOG: &[Found] = &[UNSIGNED_CARD[0], ("measured.log", "PCR 7")];

/// With a module key that only a keyring of root's holds.
pub const MODULE_KEY_OF_ROOTS: &[Found] = &[("kernel.module_key", "module key")];

/// With what the kernel is told at its start.
pub const LOCKDOWN_OFF: &[Found] = &[
    ("kernel.command_line", "lockdown=none"),
    ("boot.command_lines", "/boot/grub/grub.cfg:"),
];
