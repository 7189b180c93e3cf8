//! The events of the ledger, and what they hold.

use serde::{Deserialize, Serialize};

/// The form that is written, and read.
pub const FORMAT: &str = "bootseal.ledger/1";

/// An event of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The ledger began.
    Began {
        /// [`FORMAT`].
        format: String,
        /// Version of bootseal.
        bootseal: String,
        /// True if bootseal had signed files on this machine before it kept a ledger.
        taken_over: bool,
    },
    /// Files that bear a signature by our keys from before there was a ledger.
    Adopted {
        /// Identifier of the run.
        run: String,
        /// The files.
        batches: Vec<Batch>,
    },
    /// A run is about to put these files in their places.
    Signing {
        /// Identifier of the run, 16 hexadecimal digits.
        run: String,
        /// The command that signs, with the slot and the kernel of a hook.
        command: String,
        /// The files.
        batches: Vec<Batch>,
    },
    /// The run put them there.
    Signed {
        /// Identifier of the run.
        run: String,
        /// Paths of files that could not be replaced.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failed: Vec<String>,
    },
    /// The run was cut off before its end; a later one has looked at its files.
    CutOff {
        /// Identifier of the run.
        run: String,
        /// Paths of files that are not as the run was about to leave them.
        missing: Vec<String>,
    },
    /// The lines before, in brief.
    Folded {
        /// [`FORMAT`].
        format: String,
        /// True if bootseal had signed files on this machine before it kept a ledger.
        taken_over: bool,
        /// The files, with the last time of each.
        batches: Vec<Batch>,
    },
}

/// Files of one kind, signed by one key for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The kind of signature.
    pub kind: Kind,
    /// SHA-256 of the certificate, or the OpenPGP fingerprint, lower-case hex.
    pub key: String,
    /// The hash of the digests that were signed, as OpenSSL names it.
    pub hash: String,
    /// The reason why the files were signed.
    pub origin: Origin,
    /// The time of the run, RFC 3339 UTC, where it is not that of the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The files.
    pub files: Vec<SignedFile>,
}

/// A file and its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedFile {
    /// Its path on the machine, without another root that it was signed below.
    pub path: String,
    /// SHA-256 of the file with its signature, lower-case hex; of GRUB's files, whose signature lies beside them, of the
    /// file.
    pub sha256: String,
    /// The digest that was signed, lower-case hex: the Authenticode digest of an EFI image, of a module that without its
    /// signature, of a file for GRUB its SHA-256.
    pub signed: String,
}

/// The kind of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A kernel module.
    Modules,
    /// An EFI image.
    Efi,
    /// A file that GRUB opens.
    Grub,
}

impl Kind {
    /// Its name, as in reports of runs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Modules => "modules",
            Self::Efi => "efi",
            Self::Grub => "grub",
        }
    }

    /// The name of the key that makes such signatures.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Modules => "module",
            Self::Efi => "db",
            Self::Grub => "grub",
        }
    }
}

/// The reason why a file was signed: who vouched for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It lies on the root file system, and on no medium that others can write to while the machine is off.
    Root,
    /// The installation of a kernel, under way, put it there.
    Installed,
    /// It equals a file of a package, or one below `[sign] sources`, on the root file system.
    Owned,
    /// The same bytes were signed before.
    Known,
    /// A person accepted its change.
    Accepted,
    /// A person had it signed.
    ByHand,
    /// It was there when bootseal signed for the first time.
    Found,
    /// It bore a signature by our key before there was a ledger.
    Adopted,
    /// bootseal made it.
    Made,
}

impl Origin {
    /// Its name, as in the ledger.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Installed => "installed",
            Self::Owned => "owned",
            Self::Known => "known",
            Self::Accepted => "accepted",
            Self::ByHand => "by_hand",
            Self::Found => "found",
            Self::Adopted => "adopted",
            Self::Made => "made",
        }
    }
}
