//! The lists of key directories, held against the keys of the transcript. Any key of the ceremony can add a line, those on the node too: that
//! alone must not bring entries to PK and KEK, which would sign them for every board.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::firmware::authenticated_variable::{AuthenticatedVariable, VariableName};
use crate::formats::text::Shown;
use crate::keys::KeyName;
use crate::trust::variable::recognise;

/// Refuses the write of a variable, and the lists beside it, unless PK or KEK of the ceremony has signed them. `file` gives the content of
/// a file of the directory; what is not there is not judged.
pub(crate) fn check_lists(
    directory: &Path,
    variable: VariableName,
    keys: &BTreeMap<String, RsaPublicKey>,
    file: impl Fn(&str) -> Result<Option<Vec<u8>>>,
) -> Result<()> {
    let (auth, lists) = (format!("{variable}.auth"), format!("{variable}.esl"));
    let path = directory.join(&auth);
    let Some(bytes) = file(&auth)? else {
        return Ok(());
    };
    let refused = |reason: &str| {
        Err(Error::refused(format!("{} {reason}", path.shown()))
            .hint(format!("bootseal ceremony verify {}", quoted(directory))))
    };
    let cannot = || format!("cannot use {}", path.shown());
    let write = AuthenticatedVariable::parse(&bytes).or_refuse(cannot)?;
    let recognised = recognise(&write).or_refuse(cannot)?;
    let signer = signer(variable);
    let signed_by = recognised.signer.public_key().or_refuse(cannot)?;
    if recognised.variable != variable || keys.get(signer.name()) != Some(&signed_by) {
        return refused(&format!(
            "is not signed by the {signer} key of the ceremony for {variable}"
        ));
    }
    if file(&lists)?.is_some_and(|lists| lists != write.payload) {
        return refused(&format!("does not hold the content of {lists}"));
    }
    Ok(())
}

/// The key that signs the writes of a variable.
pub(crate) const fn signer(variable: VariableName) -> KeyName {
    match variable {
        VariableName::Pk | VariableName::Kek => KeyName::Pk,
        VariableName::Db | VariableName::Dbx => KeyName::Kek,
    }
}
