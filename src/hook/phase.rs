//! The phases of a kernel's installation, and the directories of their plugins.

use super::mode::Mode;

/// A stage of the installation, with plugins of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// All of kernel-install.
    Plugins,
    /// Before installkernel copies.
    Preinst,
    /// After it has copied.
    Postinst,
    /// After dpkg has removed a kernel.
    Postrm,
    /// After update-initramfs has made an initramfs.
    PostUpdate,
}

impl Phase {
    /// The name of its directories.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plugins => "install.d",
            Self::Preinst => "preinst.d",
            Self::Postinst => "postinst.d",
            Self::Postrm => "postrm.d",
            Self::PostUpdate => "post-update.d",
        }
    }

    /// The variable of the environment that replaces the list of its plugins; none where nothing does.
    pub(super) const fn variable(self) -> Option<&'static str> {
        match self {
            Self::Plugins => Some("KERNEL_INSTALL_PLUGINS"),
            Self::Preinst => Some("INSTALLKERNEL_PREINST_PLUGINS"),
            Self::Postinst => Some("INSTALLKERNEL_POSTINST_PLUGINS"),
            Self::Postrm | Self::PostUpdate => None,
        }
    }

    /// The phases of a mode.
    #[must_use]
    pub const fn of_mode(mode: Mode) -> &'static [Self] {
        match mode {
            Mode::Systemd => &[Self::Plugins],
            Mode::Traditional => &[Self::Preinst, Self::Postinst, Self::Postrm, Self::PostUpdate],
        }
    }

    /// Its directories; a name in an earlier one hides the same name in a later one.
    pub(super) const fn directories(self) -> &'static [&'static str] {
        match self {
            // kernel-install(8) names /run/kernel/install.d as well; the programs of 257 and 262 do not read it.
            Self::Plugins => &["/etc/kernel/install.d", "/usr/lib/kernel/install.d"],
            // The last ones are Debian's.
            Self::Preinst => &[
                "/etc/kernel/preinst.d",
                "/usr/lib/kernel/preinst.d",
                "/usr/share/kernel/preinst.d",
            ],
            Self::Postinst => &[
                "/etc/kernel/postinst.d",
                "/usr/lib/kernel/postinst.d",
                "/usr/share/kernel/postinst.d",
            ],
            Self::Postrm => &["/etc/kernel/postrm.d", "/usr/share/kernel/postrm.d"],
            Self::PostUpdate => &["/etc/initramfs/post-update.d"],
        }
    }
}
