//! The public half of a key directory, laid out for other programs: firmware setup screens, `KeyTool`, systemd-boot.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::text::Shown;
use crate::keys::directory::REMOVE_PK;
use crate::keys::{KeyDirectory, KeyName};
use crate::system::{Context, NewFile, create_dir};
use crate::trust::applied;

/// Permission bits of the files: all of them are public.
const PUBLIC: u32 = 0o644;

/// The explanation that is exported with the files.
const README: &str = "\
Public keys and signed writes for Secure Boot. Nothing here is secret, nothing here is needed to boot.

PK.cer KEK.cer db.cer       certificates (DER), for setup screens that enroll single certificates
PK.esl KEK.esl db.esl       signature lists with the whole content of the variable, Microsoft's certificates too
PK.auth KEK.auth db.auth    the same, signed: for KeyTool, efi-updatevar and setup screens that take .auth files
dbx.esl dbx.auth            revocations; dbx.auth is signed to be appended
applied-*.auth              writes of others (Microsoft, a vendor) that were applied, each signed to be appended to the variable that it
                            names; KEK has to be there before them, or the firmware in Setup Mode

Enroll in this order: dbx, db, KEK, and PK last, which ends Setup Mode. Copy these files to a FAT file system; setup
screens look at its top, or let you choose.

loader/keys/bootseal holds the files that systemd-boot enrolls by itself from an EFI system partition while the firmware is in
Setup Mode (loader.conf: secure-boot-enroll).
";

/// The explanation of the removal of PK, for who asks for it.
const REMOVAL: &str = "
noPK.auth takes the platform key out of every board that has it: back to Setup Mode, without any private key or passphrase. Keep it
where PK.key is kept.
";

/// Writes the files into a new or empty directory; returns their names, relative to it. The write that removes PK is among them only
/// if `with_removal`.
pub fn export(context: &Context, keys: &KeyDirectory, directory: &Path, with_removal: bool) -> Result<Vec<PathBuf>> {
    let removal = if with_removal {
        let there = keys.remove_pk()?;
        let missing = || {
            Error::could_not_run(format!("there is no {}", keys.file_path(REMOVE_PK).shown()))
                .hint("it is kept beside the private key of PK: name that directory with --keys")
        };
        Some(there.ok_or_else(missing)?)
    } else {
        None
    };
    let readme = format!("{README}{}", if with_removal { REMOVAL } else { "" });
    let mut files: Vec<(PathBuf, Vec<u8>)> = vec![("README.txt".into(), readme.into_bytes())];
    for variable in VariableName::ALL {
        let lists = keys.database(variable)?;
        if lists.is_empty() {
            continue;
        }
        let auth = keys.update(variable)?.to_bytes();
        files.push((format!("{variable}.esl").into(), lists.to_bytes()));
        files.push((format!("loader/keys/bootseal/{variable}.auth").into(), auth.clone()));
        files.push((format!("{variable}.auth").into(), auth));
    }
    for variable in VariableName::ALL {
        let kept = applied(keys, variable)?;
        files.extend(kept.into_iter().map(|write| (write.name.into(), write.bytes)));
    }
    for name in [KeyName::Pk, KeyName::Kek, KeyName::Db] {
        let certificate = keys.certificate(name)?.as_der().to_vec();
        files.push((format!("{name}.cer").into(), certificate));
    }
    files.extend(removal.map(|removal| (REMOVE_PK.into(), removal.to_bytes())));
    files.sort();
    for (file, bytes) in &files {
        let path = directory.join(file);
        if let Some(parent) = path.parent() {
            create_dir(context, parent)?;
        }
        let mode = PUBLIC;
        NewFile {
            path: &path,
            bytes,
            mode,
        }
        .create(context)?;
    }
    Ok(files.into_iter().map(|(file, _)| file).collect())
}
