//! The steps of a first machine, in the order in which nothing breaks. The manual's page has the same commands; a test compares them.

/// A value in the commands that nobody but the owner knows.
pub(super) struct Value {
    /// The text in the commands that it replaces, which is an example of it.
    pub example: &'static str,
    /// The question.
    pub question: &'static str,
    /// True if there is a suggestion: the running kernel's, or the example.
    pub suggests: bool,
}

/// The version of a kernel.
pub(super) const KERNEL: Value = Value {
    example: "6.12.58-gentoo-dist",
    question: "Version of the kernel, as uname -r says it",
    suggests: true,
};
/// The directory of the ceremony.
const CEREMONY: Value = Value {
    example: "/root/ceremony",
    question: "Directory in which the ceremony put the keys of this machine",
    suggests: true,
};
/// The archive of the backup.
const BACKUP: Value = Value {
    example: "/mnt/stick/backup/bootseal-backup.tar",
    question: "Archive of the backup",
    suggests: true,
};
/// The digest of a plan.
const PLAN: Value = Value {
    example: "25e7f1808e013593155c63dd797b7ae91de2c7443f2528c951374dbb7298f09b",
    question: "The digest that the plan ended with",
    suggests: false,
};
/// The values that commands may have.
pub(super) const VALUES: [Value; 4] = [KERNEL, CEREMONY, BACKUP, PLAN];

/// A part of a step.
#[derive(Clone, Copy)]
pub(super) enum Act {
    /// A command that looks, and whose exit code says what it saw.
    See(&'static str),
    /// A command that does something, and has to succeed.
    Type(&'static str),
    /// A thing that no command does.
    Do(&'static str),
}

/// The boot loader that the machine starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Loader {
    /// GRUB
    Grub,
    /// systemd-boot
    SystemdBoot,
    /// None: the firmware starts the kernel, or a unified image of one
    None,
}

/// A step of the first machine.
pub(super) struct Step {
    pub title: &'static str,
    pub why: &'static str,
    pub acts: Vec<Act>,
    /// A command that ends with 0 when the step is done; none where the next step with one tells.
    pub proof: Option<&'static str>,
}

/// The steps on a machine with this loader.
pub(super) fn steps(loader: Loader) -> Vec<Step> {
    let mut steps: Vec<Step> = before_loader().into();
    steps.extend(of_loader(loader));
    steps.extend(after_loader());
    steps
}

fn before_loader() -> [Step; 5] {
    use Act::{Do, See, Type};
    [
        Step {
            title: "Look",
            why: "Nothing is changed. The screen says if the firmware enforces, what starts next, and whose keys it holds.",
            acts: vec![See("bootseal status"), See("bootseal kernel-config --check")],
            proof: None,
        },
        Step {
            title: "Hold the ceremony",
            why: "Best on a machine without a network, started from a medium that you trust. The keys of PK and KEK, and the \
                  backup, go to a stick.",
            acts: vec![
                Type("bootseal ceremony template > ceremony.toml"),
                Do("say in ceremony.toml whose keys they are and where they go"),
                See("bootseal ceremony plan ceremony.toml"),
                Type("bootseal ceremony run --rehearse ceremony.toml"),
                Type("bootseal ceremony run ceremony.toml"),
                Type("bootseal ceremony drill --keys /root/ceremony /mnt/stick/backup/bootseal-backup.tar"),
                Do("write down the end of the transcript, and give the shares of the backup to their keepers"),
            ],
            proof: None,
        },
        Step {
            title: "Bring the node's keys",
            why: "The private keys of PK and KEK stay on the stick.",
            acts: vec![
                Type("install -d -m 700 /etc/bootseal"),
                Type("cp -r /root/ceremony /etc/bootseal/keys"),
                Type("chmod 700 /etc/bootseal/keys"),
                Type("bootseal keys list"),
            ],
            // Kernel and GRUB come later, and know nothing of these keys yet.
            proof: Some("bootseal audit --only keys.private,keys.pairs"),
        },
        Step {
            title: "Build the kernel",
            why: "It has to trust the module key before its modules are signed by that key. A kernel that somebody else built and \
                  signed takes its own modules as they are: there this step is left out.",
            acts: vec![
                Type("mkdir -p /etc/kernel/config.d"),
                Type("bootseal kernel-config --kernel 6.12.58-gentoo-dist -o /etc/kernel/config.d/50-bootseal.config"),
                Type("bootseal keys export module --format pem --output /etc/kernel/bootseal-module.pem"),
                Do("build the kernel as you always do"),
                See("bootseal kernel-config --check --kernel 6.12.58-gentoo-dist"),
            ],
            proof: Some("bootseal audit --only kernel.module_key,kernel.module_hash"),
        },
        Step {
            title: "Say what is signed",
            why: "The configuration names the kernels, modules and directories of GRUB that this machine has.",
            acts: vec![
                Type("bootseal config template > /etc/bootseal/config.toml"),
                Type("bootseal config check"),
            ],
            proof: Some("test -e /etc/bootseal/config.toml && bootseal config check"),
        },
    ]
}

fn of_loader(loader: Loader) -> Vec<Step> {
    use Act::{Do, See, Type};
    let menu = Step {
        title: "Make the menu one that nobody has to edit",
        why: "GRUB's image gives nobody a command line or an edited entry without a password.",
        acts: vec![
            Do(
                "give the entries --unrestricted in CLASS of /etc/grub.d/10_linux, and say GRUB_DISABLE_SUBMENU=true in \
                /etc/default/grub",
            ),
            Type("grub-mkconfig -o /boot/grub/grub.cfg"),
        ],
        proof: None,
    };
    let sign = Step {
        title: "Sign, now and from now on",
        why: "From here on each kernel that is installed comes out signed.",
        acts: vec![
            Type("bootseal hook install"),
            See("bootseal hook status"),
            Type("bootseal sign all"),
        ],
        proof: Some("bootseal hook status"),
    };
    let restart = |title, why, acts| Step {
        title,
        why,
        acts,
        proof: Some("bootseal verify"),
    };
    match loader {
        Loader::Grub => vec![
            menu,
            sign,
            restart(
                "Put GRUB's image in its place, and restart once",
                "It opens only what the grub key has signed, whether Secure Boot is on or not.",
                vec![Type("bootseal grub install"), Type("bootseal verify"), Type("reboot")],
            ),
        ],
        Loader::SystemdBoot => vec![
            sign,
            restart(
                "Sign the loader, and restart once",
                "bootctl prefers the signed copy, also when it updates the loader.",
                vec![
                    Type(
                        "bootseal sign efi --output /usr/lib/systemd/boot/efi/systemd-bootx64.efi.signed \
                         /usr/lib/systemd/boot/efi/systemd-bootx64.efi",
                    ),
                    Type("bootctl install"),
                    Type("bootseal verify"),
                    Type("reboot"),
                ],
            ),
        ],
        Loader::None => vec![
            sign,
            restart(
                "Restart once",
                "A mistake costs a restart now, and a rescue medium later.",
                vec![Type("bootseal verify"), Type("reboot")],
            ),
        ],
    }
}

fn after_loader() -> [Step; 2] {
    use Act::{Do, See, Type};
    [
        Step {
            title: "Enroll",
            why: "Nothing is written while a STOP stands; each names its remedy.",
            acts: vec![
                Do(
                    "in the firmware's setup, clear the platform key (\"Setup Mode\", \"Delete PK\"), and leave Secure Boot's \
                    switch on",
                ),
                See("bootseal enroll plan"),
                Type(
                    "bootseal enroll apply --plan \
                     25e7f1808e013593155c63dd797b7ae91de2c7443f2528c951374dbb7298f09b",
                ),
                Type("reboot"),
            ],
            proof: Some("bootseal audit --only firmware.secure_boot,firmware.mode,firmware.variables"),
        },
        Step {
            title: "Prove it",
            why: "What is left over and accepted goes into /etc/bootseal/baseline.toml, with a reason and a last day.",
            acts: vec![
                See("bootseal status"),
                See("bootseal audit"),
                Type("bootseal hook install --with-boot-check --with-audit"),
                Do("set a password for the firmware's setup: who can open it can switch all of this off"),
            ],
            proof: Some("bootseal audit"),
        },
    ]
}
