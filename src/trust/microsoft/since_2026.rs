//! The certificates of 2023, under which Microsoft signs since those of 2011 have expired, in June and October 2026.

use serde::Serialize;

use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureType};

use super::certificates::CERTIFICATES;

/// The things signed after June 2026 that a board takes.
#[allow(clippy::struct_excessive_bools)] // each is a certificate of its own
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Since2026 {
    /// Microsoft's updates of dbx and db: KEK 2K CA 2023 is in KEK.
    pub updates: bool,
    /// shim, and the boot loaders of other systems: UEFI CA 2023 is in db.
    pub boot_loaders: bool,
    /// Option ROMs: Option ROM UEFI CA 2023 is in db.
    pub option_roms: bool,
    /// The boot manager of Windows: Windows UEFI CA 2023 is in db.
    pub windows: bool,
}

impl Since2026 {
    /// The answer of a board with these variables.
    #[must_use]
    pub fn new(kek: &SignatureDatabase, db: &SignatureDatabase) -> Self {
        let holds = |database: &SignatureDatabase, name: &str| {
            let mut known = CERTIFICATES.iter().filter(|known| known.name == name);
            known.any(|known| database.contains(SignatureType::X509, known.der))
        };
        Self {
            updates: holds(kek, "kek-2023"),
            boot_loaders: holds(db, "uefi-2023"),
            option_roms: holds(db, "option-rom-2023"),
            windows: holds(db, "windows-2023"),
        }
    }

    /// Each of them with its stable name, for metrics, and its name for a person.
    #[must_use]
    pub const fn all(&self) -> [(&'static str, &'static str, bool); 4] {
        [
            ("updates", "updates of dbx", self.updates),
            ("boot_loaders", "boot loaders", self.boot_loaders),
            ("option_roms", "Option ROMs", self.option_roms),
            ("windows", "Windows", self.windows),
        ]
    }

    /// The answer in a few words.
    #[must_use]
    pub fn words(&self) -> String {
        let names = |wanted: bool| {
            let chosen = self.all().into_iter().filter(|(_, _, is_taken)| *is_taken == wanted);
            chosen.map(|(_, name, _)| name).collect::<Vec<_>>().join(", ")
        };
        match (names(true), names(false)) {
            (taken, refused) if refused.is_empty() => format!("takes {taken}"),
            (taken, _) if taken.is_empty() => "takes nothing".to_owned(),
            (taken, refused) => format!("takes {taken}; not {refused}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::firmware::authenticated_variable::VariableName;
    use crate::formats::firmware::guid::Guid;

    #[test]
    fn a_board_is_judged_by_what_it_holds() {
        let (mut kek, mut db) = (SignatureDatabase::default(), SignatureDatabase::default());
        assert_eq!(Since2026::new(&kek, &db).words(), "takes nothing");
        for known in CERTIFICATES.iter().filter(|known| known.by_default) {
            match known.variable {
                VariableName::Kek => kek.add_certificate(Guid::MICROSOFT, known.der),
                _ => db.add_certificate(Guid::MICROSOFT, known.der),
            };
        }
        let words = Since2026::new(&kek, &db).words();
        assert_eq!(words, "takes updates of dbx, boot loaders, Option ROMs; not Windows");
        // A certificate in the wrong variable vouches for nothing.
        assert_eq!(Since2026::new(&db, &kek).words(), "takes nothing");
    }
}
