//! A firmware in a directory: it judges, strips and stores authenticated writes as EDK2 does, so that enrolment can be
//! rehearsed without UEFI, on the same code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Explain, Result};
use crate::formats::authenticated_variable::{APPEND, ATTRIBUTES, AuthenticatedVariable, EfiTime, VariableName};
use crate::formats::guid::Guid;
use crate::formats::signature_list::SignatureDatabase;
use crate::system::variables::{Efivarfs, RawVariable};
use crate::system::{self, Context, Transaction};
use crate::trust::variable::{Firmware, judge};

/// Holds the time of each variable's last write, which efivarfs does not show: name to `EFI_TIME` in hexadecimal.
const TIMES: &str = ".bootseal-firmware.json";
/// Attributes of `SetupMode` and `SecureBoot`: boot service and runtime access.
const STATE_ATTRIBUTES: u32 = 6;

/// A simulated firmware.
#[derive(Debug)]
pub struct Simulated {
    context: Context,
    variables: Efivarfs,
    times: PathBuf,
}

impl Simulated {
    /// The firmware in `directory`. One without a platform key is in Setup Mode.
    pub fn open(context: &Context, directory: &Path) -> Result<Self> {
        let simulated = Self {
            context: context.clone(),
            variables: Efivarfs::at(context, directory),
            times: directory.join(TIMES),
        };
        simulated.times()?;
        Ok(simulated)
    }

    /// The variables in the format of efivarfs.
    #[must_use]
    pub const fn variables(&self) -> &Efivarfs {
        &self.variables
    }

    /// What `SetupMode` says, or else whether there is no platform key.
    pub fn setup_mode(&self) -> Result<bool> {
        match self.variables.flag("SetupMode")? {
            Some(setup_mode) => Ok(setup_mode),
            None => Ok(self.database(VariableName::Pk)?.is_empty()),
        }
    }

    /// What firmware does with `SetVariable()`.
    pub fn write(&self, variable: VariableName, attributes: u32, auth: &[u8]) -> Result<()> {
        let refused = || format!("the firmware would refuse to write {variable}");
        let auth = AuthenticatedVariable::parse(auth).or_refuse(refused)?;
        let mut times = self.times()?;
        let firmware = Firmware {
            pk: &self.database(VariableName::Pk)?,
            kek: &self.database(VariableName::Kek)?,
            setup_mode: self.setup_mode()?,
            last_write: times.get(variable.name()).copied(),
        };
        judge(&firmware, variable, attributes, &auth).or_refuse(refused)?;
        let append = attributes & APPEND != 0;
        let content = SignatureDatabase::parse(&auth.payload).or_refuse(refused)?;
        let kept = if append {
            let mut present = self.database(variable)?;
            present.merge(&content);
            present.to_bytes()
        } else {
            auth.payload
        };
        self.store(variable, &kept)?;
        let later = times
            .get(variable.name())
            .is_none_or(|last| auth.time.is_later_than(last));
        if later {
            times.insert(variable.name().to_owned(), auth.time);
        }
        if self.read(variable)?.is_none() {
            times.remove(variable.name());
        }
        self.store_times(&times)?;
        self.update_mode(variable)
    }

    fn store(&self, variable: VariableName, data: &[u8]) -> Result<()> {
        if !data.is_empty() {
            let (name, vendor) = (variable.name(), variable.vendor());
            return self.variables.write_raw(name, &vendor, ATTRIBUTES, data);
        }
        match self.read(variable)? {
            Some(_) => self.variables.remove_raw(variable.name(), &variable.vendor()),
            None => Ok(()),
        }
    }

    /// A platform key ends Setup Mode at once, and its removal brings it back; Secure Boot follows at the next boot,
    /// which never comes here.
    fn update_mode(&self, variable: VariableName) -> Result<()> {
        if variable != VariableName::Pk {
            return Ok(());
        }
        let setup_mode = u8::from(self.read(VariableName::Pk)?.is_none());
        let state = |name, value| {
            self.variables
                .write_raw(name, &Guid::GLOBAL, STATE_ATTRIBUTES, &[value])
        };
        state("SetupMode", setup_mode)?;
        if self.variables.flag("SecureBoot")?.is_none() {
            state("SecureBoot", 0)?;
        }
        Ok(())
    }

    fn read(&self, variable: VariableName) -> Result<Option<RawVariable>> {
        self.variables.read_raw(variable.name(), &variable.vendor())
    }

    fn database(&self, variable: VariableName) -> Result<SignatureDatabase> {
        let data = self.read(variable)?.map(|raw| raw.data).unwrap_or_default();
        SignatureDatabase::parse(&data).or_could_not_run(|| format!("the stored {variable} is malformed"))
    }

    fn times(&self) -> Result<BTreeMap<String, EfiTime>> {
        if !self.times.exists() {
            return Ok(BTreeMap::new());
        }
        let malformed = || format!("{} is malformed", self.times.display());
        let texts: BTreeMap<String, String> =
            serde_json::from_slice(&system::read(&self.times)?).or_could_not_run(malformed)?;
        let mut times = BTreeMap::new();
        for (name, text) in texts {
            let mut bytes = [0; 16];
            hex::decode_to_slice(text, &mut bytes).or_could_not_run(malformed)?;
            times.insert(name, EfiTime::from_bytes(bytes));
        }
        Ok(times)
    }

    fn store_times(&self, times: &BTreeMap<String, EfiTime>) -> Result<()> {
        let texts: BTreeMap<&String, String> = times
            .iter()
            .map(|(name, time)| (name, hex::encode(time.to_bytes())))
            .collect();
        let json = serde_json::to_vec_pretty(&texts).or_bug(|| "cannot write times as JSON".to_owned())?;
        let transaction = Transaction::new(&self.context);
        transaction.stage(&self.times, &[&json])?;
        let failed = transaction.commit()?.pop();
        failed.map_or(Ok(()), |failed| Err(failed.error))
    }
}
