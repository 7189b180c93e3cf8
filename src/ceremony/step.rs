//! The steps of a ceremony, in their order: the plan prints this list, the run goes through it, and the transcript has what
//! each step did.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::error::Result;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::text::Shown;
use crate::keys::KeyName;

use super::examination::Examination;
use super::placed::is_in_place;
use super::spec::{MachineCheck, Place, Revocations, Shares, Spec, Waiver};
use super::transcript::{Event, Transcript};

/// The subject of a waiver, as transcripts have it.
pub(super) const RESTORE_DRILL: &str = "restore drill";
/// The signature lists that a ceremony makes, in the order in which it makes them.
const LISTS: [VariableName; 3] = [VariableName::Pk, VariableName::Kek, VariableName::Db];

/// A step of a ceremony.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// The checks of the machine.
    InspectMachine,
    /// The record of who waives the restore drill.
    RecordWaiver(Waiver),
    /// A private key.
    Key(KeyStep),
    /// The certificate of a key.
    Certificate {
        /// The key.
        name: KeyName,
        /// True if it was made elsewhere.
        is_imported: bool,
    },
    /// GRUB's public key in its OpenPGP form.
    GrubKey,
    /// The owner's GUID.
    Owner,
    /// The signature lists of a variable, and their signed write.
    Lists(VariableName),
    /// The signed write that appends revocations to dbx.
    Revocations,
    /// The signed write that removes PK.
    RemovalOfPk,
    /// The examinations of the product.
    Examine(&'static [Examination]),
    /// The backup, with the shares of its secret.
    Backup(Option<Shares>),
    /// The signatures under the transcript.
    Seal,
    /// A directory, copied to its place.
    Publish {
        /// "node", "offline", or "backup".
        place: &'static str,
        /// The place.
        path: PathBuf,
    },
    /// The comparison of all directories with the transcript.
    Compare,
    /// The removal of the work directory.
    ClearUp,
}

/// The step that a private key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyStep {
    pub name: KeyName,
    /// Size of the modulus of a key that is not imported, in bits.
    pub bits: u32,
    pub source: KeySource,
    /// True if the key rests on a token.
    pub is_on_token: bool,
}

/// The origin of a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeySource {
    /// This process generates it.
    Generated,
    /// It was made elsewhere.
    Imported,
    /// Its token generates it.
    Token,
}

impl Step {
    /// All steps of a ceremony that imports these keys.
    pub fn list(spec: &Spec, imported: &BTreeSet<KeyName>) -> Vec<Self> {
        let mut steps = vec![Self::InspectMachine];
        steps.extend(spec.waiver.clone().map(Self::RecordWaiver));
        let key = |name| Self::Key(KeyStep::new(spec, name, imported.contains(&name)));
        steps.extend(spec.names().map(key));
        steps.extend(spec.certified().map(|name| Self::Certificate {
            name,
            is_imported: imported.contains(&name),
        }));
        if spec.makes_chain() {
            steps.extend([Self::GrubKey, Self::Owner]);
            steps.extend(LISTS.map(Self::Lists));
            if spec.dbx == Revocations::Microsoft {
                steps.push(Self::Revocations);
            }
            steps.push(Self::RemovalOfPk);
        }
        steps.extend([Self::Examine(Examination::for_spec(spec)), Self::Seal]);
        if let Some(backup) = &spec.backup {
            // The archive has a signed transcript in it, which then goes on with the archive's own digest.
            steps.extend([Self::Backup(backup.shares), Self::Seal]);
        }
        let directories = spec.directories().into_iter();
        steps.extend(directories.map(|(place, path)| Self::Publish { place, path }));
        steps.extend([Self::Compare, Self::ClearUp]);
        steps
    }

    /// The text for plans and for people who watch.
    pub fn text(&self) -> String {
        match self {
            Self::InspectMachine => format!(
                "look at the machine: {}",
                MachineCheck::ALL.map(MachineCheck::subject).join(", ")
            ),
            Self::RecordWaiver(Waiver { by, .. }) => format!("record that {by} waives the {RESTORE_DRILL}"),
            Self::Key(step) => step.text(),
            Self::Certificate {
                name,
                is_imported: true,
            } => format!("take the imported {name} certificate over"),
            Self::Certificate { name, .. } => format!("issue the {name} certificate"),
            Self::GrubKey => "make GRUB's OpenPGP public key".to_owned(),
            Self::Owner => "write the owner's GUID down".to_owned(),
            Self::Lists(variable) => format!("make and sign the contents of {variable}"),
            Self::Revocations => "sign the revocations for dbx".to_owned(),
            Self::RemovalOfPk => "sign the removal of PK".to_owned(),
            Self::Examine(examinations) => {
                let texts: Vec<&str> = examinations.iter().copied().map(Examination::text).collect();
                format!("read all back: {}", texts.join(", "))
            }
            Self::Backup(None) => "make the backup, and restore all keys from it".to_owned(),
            Self::Backup(Some(Shares { needed, of })) => format!(
                "make the backup, divide its secret into {of} shares, of which {needed} open it, and restore all keys from it"
            ),
            Self::Seal => "sign the transcript with every key".to_owned(),
            Self::Publish { place, path } => format!("put the {place} directory in its place: {}", path.shown()),
            Self::Compare => "read each directory back, and compare it with the transcript".to_owned(),
            Self::ClearUp => "remove the work directory".to_owned(),
        }
    }

    /// The name that a transcript has for the files of this step; `None` if another event than [`Event::Made`] has them.
    pub fn product(&self) -> Option<String> {
        match self {
            Self::Owner => Some("the owner's GUID".to_owned()),
            Self::Lists(variable) => Some(format!("the contents of {variable}")),
            Self::Revocations => Some("the revocations".to_owned()),
            Self::RemovalOfPk => Some("the removal of PK".to_owned()),
            _ => None,
        }
    }

    /// True if the transcript has the step, or, for one that comes after the seal, if its directory is in its place.
    pub fn is_done(&self, transcript: &Transcript) -> Result<bool> {
        let has = |wanted: &dyn Fn(&Event) -> bool| Ok(transcript.events().any(wanted));
        match self {
            Self::InspectMachine => has(&|event| matches!(event, Event::Preflight { .. })),
            Self::RecordWaiver(_) => has(&|event| matches!(event, Event::Waived { what, .. } if what == RESTORE_DRILL)),
            Self::Key(step) => Ok(transcript.has_key(step.name)),
            Self::Certificate { name, .. } => Ok(transcript.has_certificate(*name)),
            Self::GrubKey => Ok(transcript.has_certificate(KeyName::Grub)),
            Self::Owner | Self::Lists(_) | Self::Revocations | Self::RemovalOfPk => {
                let product = self.product();
                has(&|event| matches!(event, Event::Made { what, .. } if Some(what) == product.as_ref()))
            }
            Self::Examine(_) => has(&|event| matches!(event, Event::Checked { .. })),
            Self::Backup(_) => has(&|event| matches!(event, Event::BackedUp { .. })),
            Self::Seal => Ok(transcript.is_sealed()),
            Self::Publish { path, .. } => is_in_place(transcript, path),
            Self::Compare | Self::ClearUp => Ok(false),
        }
    }
}

impl KeyStep {
    fn new(spec: &Spec, name: KeyName, is_imported: bool) -> Self {
        let key = spec.key(name);
        let source = match &key.place {
            _ if is_imported => KeySource::Imported,
            Place::Token(token) if !token.import => KeySource::Token,
            _ => KeySource::Generated,
        };
        Self {
            name,
            bits: key.bits,
            source,
            is_on_token: matches!(key.place, Place::Token(_)),
        }
    }

    fn text(self) -> String {
        let Self { name, bits, .. } = self;
        let text = match self.source {
            KeySource::Imported => format!("take the imported {name} key over"),
            KeySource::Generated => format!("make the {name} key, RSA-{bits}"),
            KeySource::Token => return format!("let its token make the {name} key, RSA-{bits}"),
        };
        if self.is_on_token {
            format!("{text}, and put it on its token")
        } else {
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imported_keys_and_waivers_are_steps_of_their_own() {
        let mut spec = Spec::new("x", "/nonexistent/keys");
        let usual = Step::list(&spec, &BTreeSet::new());
        spec.waiver = Some(Waiver {
            by: "Ada".to_owned(),
            reason: "to try things on".to_owned(),
        });
        spec.dbx = Revocations::None;
        let other = Step::list(&spec, &[KeyName::Db].into());
        let texts = |steps: &[Step], without: &[Step]| -> Vec<String> {
            steps
                .iter()
                .filter(|step| !without.contains(step))
                .map(Step::text)
                .collect()
        };
        assert_eq!(
            texts(&other, &usual),
            [
                "record that Ada waives the restore drill",
                "take the imported db key over",
                "take the imported db certificate over"
            ]
        );
        assert_eq!(
            texts(&usual, &other),
            [
                "make the db key, RSA-2048",
                "issue the db certificate",
                "sign the revocations for dbx"
            ]
        );
    }

    #[test]
    fn nothing_is_done_before_it_begins() {
        let spec = Spec::new("x", "/nonexistent/keys");
        for step in Step::list(&spec, &BTreeSet::new()) {
            assert!(!step.is_done(&Transcript::new()).unwrap(), "{step:?}");
        }
    }
}
