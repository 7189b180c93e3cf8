//! PCR 7 at the next start. EDK2's order (`Tcg2Dxe`, `DxeImageVerificationLib`) is not every firmware's: Option ROMs may be judged
//! before the separator, and texts of the firmware may stand between. So every event keeps its place, and only the content of
//! what changes is exchanged.

use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::event_log::{Bank, Event, EventLog, EventType, UefiVariable};
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::{Signature, SignatureDatabase};

use super::option_roms::{entry_of, is_listed, last_driver, option_roms, secure_boot_was_on};

/// The PCR of Secure Boot.
pub const PCR: u32 = 7;
/// Size of the owner before the data of a signature, in bytes.
const OWNER: usize = 16;
/// The variable that tells if images are judged.
const SECURE_BOOT: &str = "SecureBoot";
/// Variables about the mode of the firmware, which some measure in User Mode.
const MODES: [&str; 3] = ["AuditMode", "DeployedMode", "SetupMode"];

/// A start of the machine, as far as PCR 7 tells of it.
pub struct Start<'a> {
    /// The data of the four variables.
    pub data: &'a dyn Fn(VariableName) -> Vec<u8>,
    /// Its db.
    pub db: &'a SignatureDatabase,
    /// True if images are judged.
    pub secure_boot: bool,
    /// True if the firmware comes into another mode than that of the log.
    pub changes_mode: bool,
    /// The entry of db that lets the boot loader in.
    pub loader: Option<&'a Signature>,
}

/// A measurement into PCR 7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measurement<'l> {
    /// An event that comes again as it was.
    Kept(&'l Event),
    /// A variable or an authority with this data.
    Made(EventType, Vec<u8>),
}

/// The reason for which PCR 7 cannot be told before the start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unpredictable {
    /// The log is not for this bank.
    #[error("the event log has no {} bank for all of its events", .0.title())]
    Bank(Bank),
    /// Something else is measured into it as well.
    #[error("PCR 7 also holds an event of type {0:#x}, of which it is not known how it changes")]
    Foreign(u32),
    /// The log does not have the variables.
    #[error("the event log does not show the variables of Secure Boot")]
    NoVariables,
    /// The firmware comes into another mode.
    #[error("the firmware measures its mode, and that changes")]
    Mode,
    /// Nothing of db stands for an entry that let something in.
    #[error("an entry of db that let in an Option ROM, or a file that a boot loader starts, goes")]
    AuthorityGone,
    /// Nobody knows who lets Option ROMs in.
    #[error("Secure Boot was off at the last start, so the log does not say which entries of db let Option ROMs in")]
    OptionRoms,
    /// Variables were written to since the last start, which is what the rules are tried on.
    #[error(
        "it is worked out from the measurements of the last start, and {} changed since then",
        names(.0)
    )]
    Changed(Vec<VariableName>),
    /// The same rules do not give the present value.
    #[error(
        "the variables, which are those of the last start, and the file that starts do not give its value: another file started, or this \
         firmware measures more than the log says"
    )]
    NotReproduced,
}

/// "PK", "PK and db", "PK, KEK and db", with the verb.
fn names(variables: &[VariableName]) -> String {
    let mut names: Vec<&str> = variables.iter().map(|variable| variable.name()).collect();
    let last = names.pop().unwrap_or_default();
    if names.is_empty() {
        format!("{last} was")
    } else {
        format!("{} and {last} were", names.join(", "))
    }
}

impl Measurement<'_> {
    /// The kind of the event.
    #[must_use]
    pub const fn kind(&self) -> EventType {
        match self {
            Self::Kept(event) => event.kind,
            Self::Made(kind, _) => *kind,
        }
    }

    /// The bytes that extend the register of a bank; none if the log does not have them.
    #[must_use]
    pub fn digest(&self, bank: Bank) -> Option<Vec<u8>> {
        match self {
            Self::Kept(event) => event.extended_by(bank).map(<[u8]>::to_vec),
            Self::Made(_, data) => Some(bank.digest(&[data])),
        }
    }
}

/// The value that these measurements give.
pub fn value(measurements: &[Measurement<'_>], bank: Bank) -> Result<Vec<u8>, Unpredictable> {
    let mut value = vec![0; bank.len()];
    for measurement in measurements {
        let digest = measurement.digest(bank).ok_or(Unpredictable::Bank(bank))?;
        value = bank.extend(&value, &digest);
    }
    Ok(value)
}

/// The measurements of a start like that of the log, but for what this start has.
pub fn measurements<'l>(log: &'l EventLog, start: &Start<'_>) -> Result<Vec<Measurement<'l>>, Unpredictable> {
    let last_driver = last_driver(log);
    let was_on = secure_boot_was_on(log);
    let mut made = Vec::new();
    let (mut variables, mut is_separated, mut loader_is_in, mut is_shims) = (0_usize, false, false, false);
    // EDK2 measures an entry once, however many images it lets in.
    let add = |made: &mut Vec<Measurement<'l>>, entry: &Signature| {
        let authority = Measurement::Made(EventType::VARIABLE_AUTHORITY, authority(entry).to_bytes());
        if !made.contains(&authority) {
            made.push(authority);
        }
    };
    for (position, event) in log.events().iter().enumerate() {
        if event.pcr != PCR || event.is_no_action() {
            continue;
        }
        match event.kind {
            EventType::SEPARATOR => {
                is_separated = true;
                made.push(Measurement::Kept(event));
            }
            EventType::ACTION => made.push(Measurement::Kept(event)),
            EventType::VARIABLE_DRIVER_CONFIG => {
                let changed = event
                    .variable()
                    .map(|variable| changed(variable, start))
                    .transpose()?
                    .flatten();
                variables = variables.saturating_add(usize::from(changed.is_some()));
                made.push(changed.map_or(Measurement::Kept(event), |data| Measurement::Made(event.kind, data)));
            }
            EventType::VARIABLE_AUTHORITY => {
                let variable = event.variable().ok_or(Unpredictable::Foreign(event.kind.0))?;
                if variable.name() != VariableName::Db.name() {
                    // shim's own databases and its SBAT level.
                    if was_on != start.secure_boot {
                        return Err(Unpredictable::Foreign(event.kind.0));
                    }
                    is_shims = true;
                    made.push(Measurement::Kept(event));
                } else if !start.secure_boot {
                    // Nothing is judged, and nobody vouches.
                } else if last_driver.is_some_and(|last| position < last) || is_shims || loader_is_in {
                    add(
                        &mut made,
                        entry_of(start.db, &variable).ok_or(Unpredictable::AuthorityGone)?,
                    );
                } else {
                    loader_is_in = true;
                    start.loader.into_iter().for_each(|entry| add(&mut made, entry));
                }
            }
            EventType(other) => return Err(Unpredictable::Foreign(other)),
        }
    }
    if variables != VariableName::ALL.len().saturating_add(1) || !is_separated {
        return Err(Unpredictable::NoVariables);
    }
    // OVMF 2022.11 starts an Option ROM whose hash is in db, and measures no entry for it.
    if start.secure_boot && !was_on && !option_roms(log).iter().all(|rom| is_listed(start.db, rom)) {
        return Err(Unpredictable::OptionRoms);
    }
    if let (true, false, Some(entry)) = (start.secure_boot, loader_is_in, start.loader) {
        add(&mut made, entry);
    }
    Ok(made)
}

/// The data of a variable as this start measures it; none for one that does not change.
fn changed(variable: UefiVariable, start: &Start<'_>) -> Result<Option<Vec<u8>>, Unpredictable> {
    let name = variable.name();
    if MODES.contains(&name.as_str()) && start.changes_mode {
        return Err(Unpredictable::Mode);
    }
    let data = if name == SECURE_BOOT {
        Some(vec![u8::from(start.secure_boot)])
    } else {
        let known = VariableName::ALL.into_iter().find(|known| known.name() == name);
        known.map(|known| (start.data)(known))
    };
    Ok(data.map(|data| UefiVariable { data, ..variable }.to_bytes()))
}

/// The data that is measured when an entry of db lets an image in: owner and data of the entry.
fn authority(entry: &Signature) -> UefiVariable {
    let mut data = Vec::with_capacity(OWNER.saturating_add(entry.data.len()));
    data.extend(entry.owner.as_bytes());
    data.extend(&entry.data);
    UefiVariable::new(VariableName::Db.name(), Guid::IMAGE_SECURITY_DATABASE, &data)
}
