//! Facts about the machine, beside the answers of the checks: for tables, graphs and the short form.

use serde::Serialize;

use crate::ceremony::life::{Listed, list};
use crate::enroll::{BootFile, Mode, Store, next_boot_files};
use crate::error::Result;
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::ledger::Ledger;
use crate::trust::microsoft::{self, Since2026};

use super::machine::Machine;

/// The known facts. Where something could not be looked at, the field is empty or null here; the checks say why.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// Version of the running kernel.
    pub kernel: Option<String>,
    /// The firmware's mode and variables.
    pub firmware: Option<Firmware>,
    /// The keys of the key directory, in the order of authority.
    pub keys: Vec<Listed>,
    /// The files that the firmware may start, judged by its present variables.
    pub boot_files: Vec<BootFile>,
    /// The ledger; none if there is none, or it does not hold.
    pub ledger: Option<LedgerFacts>,
}

/// The ledger in brief.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerFacts {
    /// The number of lines that were ever written, with those that were folded.
    pub lines: u64,
    /// The number of signatures that it has.
    pub signatures: usize,
    /// SHA-256 of the last line, lower-case hexadecimal.
    pub head: String,
}

impl LedgerFacts {
    /// The facts of a ledger; none if it has no line.
    pub(super) fn from_ledger(ledger: &Ledger) -> Option<Self> {
        (!ledger.is_empty()).then(|| Self {
            lines: ledger.length(),
            signatures: ledger.index().recorded().len(),
            head: ledger.head().to_owned(),
        })
    }
}

/// The firmware.
#[derive(Debug, Clone, Serialize)]
pub struct Firmware {
    /// Its mode, as it states it.
    #[serde(flatten)]
    pub mode: Mode,
    /// The things that Microsoft signs since June 2026 and that it takes.
    pub since_2026: Since2026,
    /// PK, KEK, db and dbx.
    pub variables: Vec<Variable>,
}

/// One of the four variables.
#[derive(Debug, Clone, Serialize)]
pub struct Variable {
    /// PK, KEK, db or dbx.
    pub name: String,
    /// The number of its entries.
    pub entries: usize,
    /// SHA-256 of its content, lower-case hexadecimal: equal on two machines that trust the same.
    pub sha256: String,
    /// Its certificates.
    pub certificates: Vec<Trusted>,
}

/// A certificate that firmware trusts, or never trusts.
#[derive(Debug, Clone, Serialize)]
pub struct Trusted {
    /// The subject's common name.
    pub subject: String,
    /// SHA-256 of the certificate, lower-case hexadecimal.
    pub fingerprint: String,
    /// End of validity, RFC 3339 UTC. Firmware does not look at it.
    pub not_after: String,
    /// The same in seconds since 1970-01-01 UTC.
    #[serde(skip)]
    pub end: u64,
    /// True for a certificate of Microsoft, which stays after its end.
    pub is_microsofts: bool,
}

/// How far the boot path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BootPath {
    /// To the file that the firmware starts next.
    Next,
    /// To all files that the firmware and its loaders are told to start.
    All,
}

impl Facts {
    pub(super) fn from_machine(machine: &Machine<'_>, boot: BootPath) -> Self {
        let context = machine.context();
        let store = machine.store().ok();
        let boot_files = match boot {
            BootPath::Next => store.and_then(|store| next_boot_files(context, store).ok()),
            BootPath::All => machine.boot_files().ok().cloned(),
        };
        Self {
            kernel: machine.release().ok(),
            firmware: store.and_then(|store| Firmware::from_store(store).ok()),
            keys: machine
                .directory()
                .ok()
                .and_then(|keys| list(keys).ok())
                .unwrap_or_default(),
            boot_files: boot_files.unwrap_or_default(),
            ledger: machine.ledger().ok().and_then(LedgerFacts::from_ledger),
        }
    }
}

impl Firmware {
    fn from_store(store: &Store) -> Result<Self> {
        let variables = VariableName::ALL.into_iter().map(|name| Variable::read(store, name));
        Ok(Self {
            mode: Mode::read(store)?,
            since_2026: Since2026::new(&store.database(VariableName::Kek)?, &store.database(VariableName::Db)?),
            variables: variables.collect::<Result<_>>()?,
        })
    }
}

impl Variable {
    fn read(store: &Store, name: VariableName) -> Result<Self> {
        let database = store.database(name)?;
        let trusted = database.certificates().filter_map(|(_, der)| {
            let certificate = Certificate::from_der(der).ok()?;
            Some(Trusted {
                subject: certificate.common_name(),
                fingerprint: certificate.fingerprint().to_hex(),
                not_after: certificate.not_after(),
                end: certificate.end(),
                is_microsofts: microsoft::find(der).is_some(),
            })
        });
        let held = store.read(name)?.map(|raw| raw.data).unwrap_or_default();
        Ok(Self {
            name: name.name().to_owned(),
            entries: database.entries().count(),
            sha256: HashAlgorithm::Sha256.digest(&[&held]).to_hex(),
            certificates: trusted.collect(),
        })
    }
}
