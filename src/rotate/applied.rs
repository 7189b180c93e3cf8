//! Signed writes of others, recorded in the directories of a ceremony: other boards get them too.

use std::path::PathBuf;

use crate::ceremony::transcript::Event;
use crate::ceremony::{PUBLIC, easiest_key, end_change};
use crate::enroll::Update;
use crate::error::{Error, Explain, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::{APPEND_ATTRIBUTES, AuthenticatedVariable};
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::keys::directory::{Ask, TRANSCRIPT};
use crate::keys::{KeyDirectory, KeyName};
use crate::system::{self, Context, operator};
use crate::trust::variable::recognise;
use crate::trust::{applied, applied_name, meant, trusts};

use super::lists::{NewFiles, NewLists, catch_up, directories_of, names, record};
use super::place::Files;

impl NewLists {
    /// The writes of others as the key directory, and each other directory of its ceremony that is there, is to keep them; and the reasons
    /// for which some cannot be kept: one replaces the content, or the KEK that is enrolled from there does not trust its signer. Nothing
    /// is written, except that an earlier change that was cut short is ended.
    pub fn of_others(
        context: &Context,
        keys: &KeyDirectory,
        more: &[PathBuf],
        updates: &[Update],
        ask: &mut Ask<'_>,
    ) -> Result<(Self, Vec<Error>)> {
        let mut new = Self {
            signers: [].into(),
            directories: Vec::new(),
        };
        let signs = |name: &KeyName| keys.private_key_path(*name).exists() || keys.token_uri_path(*name).exists();
        let cannot = if !system::is_there(&keys.file_path(TRANSCRIPT))? {
            Some("there is no transcript of a ceremony")
        } else if !KeyName::ALL.iter().any(signs) {
            Some("there is no private key that signs a line of the transcript")
        } else {
            None
        };
        if let Some(cannot) = cannot {
            return Ok((new, vec![Error::could_not_run(cannot)]));
        }
        let (mut writes, mut reasons) = (Vec::new(), Vec::new());
        for update in updates {
            match Write::read(keys, update) {
                Ok(write) => writes.push(write),
                Err(reason) => reasons.push(reason),
            }
        }
        catch_up(context, keys, more)?;
        for (directory, transcript) in directories_of(keys, more)? {
            let opened = KeyDirectory::open(&directory)?.below(context.root());
            if let Some(signed) = &transcript {
                end_change(context, &directory, &signed.transcript)?;
            }
            let mut files = NewFiles {
                directory,
                files: Files::new(),
                events: Vec::new(),
                transcript,
            };
            for write in &writes {
                write.keep(&opened, &mut files)?;
            }
            if !files.events.is_empty() {
                new.directories.push(files);
            }
        }
        if !new.directories.is_empty() {
            let (name, signer) = easiest_key(keys, ask)?;
            new.signers.insert(name, signer);
        }
        Ok((new, reasons))
    }
}

/// A signed write of somebody else's.
struct Write<'a> {
    update: &'a Update,
    content: SignatureDatabase,
    signed_by: String,
}

impl<'a> Write<'a> {
    fn read(keys: &KeyDirectory, update: &'a Update) -> Result<Self> {
        let cannot = || format!("cannot keep {}", update.origin);
        let variable = update.variable;
        let write = AuthenticatedVariable::parse(&update.auth).or_refuse(cannot)?;
        let by_hand = format!(
            "where the private key is: bootseal enroll add {variable} {} --keys STICK",
            update.origin
        );
        if update.attributes != APPEND_ATTRIBUTES {
            return Err(Error::refused(format!("{} replaces the whole {variable}", update.origin)).hint(by_hand));
        }
        trusts(keys, variable, &write)?
            .or_refuse(cannot)
            .map_err(|error| error.hint(by_hand))?;
        let signer = recognise(&write).or_refuse(cannot)?.signer;
        if [KeyName::Pk, KeyName::Kek]
            .into_iter()
            .any(|name| keys.certificate(name).is_ok_and(|own| own == signer))
        {
            let text = format!(
                "{} is signed by a key of this ceremony, which knows of it",
                update.origin
            );
            return Err(Error::refused(text).hint("bootseal keys sync STICK, with the directory of that key"));
        }
        Ok(Self {
            update,
            content: SignatureDatabase::parse(&write.payload).or_refuse(cannot)?,
            signed_by: signer.common_name(),
        })
    }

    /// Adds its file and its line, unless the directory enrolls its entries already. A file before it that has nothing more goes.
    fn keep(&self, keys: &KeyDirectory, new: &mut NewFiles) -> Result<()> {
        let variable = self.update.variable;
        let mut known = meant(keys, variable)?;
        for (file, (bytes, _)) in &new.files {
            if file.starts_with(&format!("applied-{variable}-")) && !bytes.is_empty() {
                known.merge(&payload(bytes)?);
            }
        }
        let mut added = self.content.clone();
        added.retain(|kind, entry| !known.contains(kind, &entry.data));
        if added.is_empty() {
            return Ok(());
        }
        let sha256 = HashAlgorithm::Sha256.digest(&[&self.update.auth]).to_hex();
        let mut files = Files::new();
        for write in applied(keys, variable)? {
            if self.content.contains_all(&write.content) {
                files.insert(write.name, (Vec::new(), PUBLIC));
            }
        }
        files.insert(applied_name(variable, &sha256), (self.update.auth.clone(), PUBLIC));
        let name = std::path::Path::new(&self.update.origin).file_name();
        new.events.push(Event::Applied {
            variable: variable.to_string(),
            file: name.map_or_else(
                || self.update.origin.clone(),
                |name| name.to_string_lossy().into_owned(),
            ),
            sha256,
            signed_by: self.signed_by.clone(),
            entries: self.content.entries().count(),
            added: names(&added),
            by: Some(operator()),
            files: files.iter().map(|(name, (bytes, _))| record(name, bytes)).collect(),
        });
        new.files.extend(files);
        Ok(())
    }
}

fn payload(bytes: &[u8]) -> Result<SignatureDatabase> {
    let cannot = || "cannot read a signed write back".to_owned();
    let write = AuthenticatedVariable::parse(bytes).or_bug(cannot)?;
    SignatureDatabase::parse(&write.payload).or_bug(cannot)
}
