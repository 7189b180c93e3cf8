//! The examination of signature lists and signed writes, by the rules of EDK2.

use crate::error::{Error, Explain, Result};
use crate::formats::firmware::authenticated_variable::{
    APPEND_ATTRIBUTES, ATTRIBUTES, AuthenticatedVariable, VariableName,
};
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::keys::KeyName;
use crate::keys::directory::REMOVE_PK;
use crate::trust::microsoft;
use crate::trust::variable::{Authority, Firmware, judge};

use super::super::spec::Revocations;
use super::product::{Product, Report, expect_bytes};

/// Firmware in Setup Mode takes the writes in the order of enrolment; afterwards only from the key above.
pub(super) fn examine(product: &Product<'_>, report: &mut Report) -> Result<()> {
    let pk = lists(product, VariableName::Pk, KeyName::Pk, report)?;
    let kek = lists(product, VariableName::Kek, KeyName::Kek, report)?;
    lists(product, VariableName::Db, KeyName::Db, report)?;
    let empty = SignatureDatabase::default();
    let mut updates = Vec::new();
    if product.spec.dbx == Revocations::Microsoft {
        let revoked = microsoft::revocations()?;
        let update = product.directory.update(VariableName::Dbx)?;
        expect_bytes(&update.payload, &revoked.to_bytes(), "dbx.auth")?;
        updates.push((VariableName::Dbx, APPEND_ATTRIBUTES, update));
    }
    for variable in [VariableName::Db, VariableName::Kek, VariableName::Pk] {
        updates.push((variable, ATTRIBUTES, product.directory.update(variable)?));
    }
    for (variable, attributes, update) in &updates {
        let setup = Firmware {
            pk: &empty,
            kek: &empty,
            setup_mode: true,
            last_write: None,
        };
        let user = Firmware {
            pk: &pk,
            kek: &kek,
            setup_mode: false,
            last_write: None,
        };
        accepted(&setup, *variable, *attributes, update)?;
        let authority = accepted(&user, *variable, *attributes, update)?;
        let key = expect_authority(product, *variable, &authority)?;
        report.passed(format!(
            "{variable}.auth: taken in Setup Mode, and in User Mode as signed by {key}, by the rules of EDK2"
        ));
    }
    removal(product, &pk, &kek, report)
}

/// `noPK.auth` is an empty write that a machine with PK enrolled takes.
fn removal(product: &Product<'_>, pk: &SignatureDatabase, kek: &SignatureDatabase, report: &mut Report) -> Result<()> {
    let enrolled = product.directory.update(VariableName::Pk)?;
    let removal = product.directory.remove_pk()?;
    let removal = removal.ok_or_else(|| Error::bug(format!("the ceremony made no {REMOVE_PK}")))?;
    expect_bytes(&removal.payload, &[], REMOVE_PK)?;
    let firmware = Firmware {
        pk,
        kek,
        setup_mode: false,
        last_write: Some(enrolled.time),
    };
    let authority = accepted(&firmware, VariableName::Pk, ATTRIBUTES, &removal)?;
    let key = expect_authority(product, VariableName::Pk, &authority)?;
    report.passed(format!(
        "{REMOVE_PK}: an empty PK, taken in User Mode after PK.auth as signed by {key}"
    ));
    Ok(())
}

/// The key that answers for a write: PK for PK and KEK, our own KEK for db and dbx.
fn expect_authority(product: &Product<'_>, variable: VariableName, authority: &Authority) -> Result<KeyName> {
    let (name, signer) = match authority {
        Authority::PlatformKey(signer) => (KeyName::Pk, signer),
        Authority::KeyExchangeKey { signer, .. } => (KeyName::Kek, signer),
        Authority::Unchecked | Authority::NewPlatformKey(_) => {
            return Err(Error::bug(format!("nobody answers for the {variable} write")));
        }
    };
    let expected = match variable {
        VariableName::Pk | VariableName::Kek => KeyName::Pk,
        VariableName::Db | VariableName::Dbx => KeyName::Kek,
    };
    if name == expected && **signer == product.directory.certificate(expected)? {
        return Ok(expected);
    }
    Err(Error::bug(format!("the {variable} write is not signed by {expected}")))
}

/// The lists of a variable hold our certificate first, then those of Microsoft's that were chosen, and no others;
/// the signed write carries the same bytes.
fn lists(
    product: &Product<'_>,
    variable: VariableName,
    own: KeyName,
    report: &mut Report,
) -> Result<SignatureDatabase> {
    let lists = product.directory.database(variable)?;
    let own = product.directory.certificate(own)?;
    let microsofts = product.spec.microsoft.certificates(variable).map(|known| known.der);
    let microsofts: Vec<&[u8]> = microsofts.collect();
    let expected = [&[own.as_der()], microsofts.as_slice()].concat();
    let present: Vec<&[u8]> = lists.certificates().map(|(_, der)| der).collect();
    if present != expected || lists.entries().count() != expected.len() {
        return Err(Error::bug(format!("{variable}.esl does not have the planned content")));
    }
    expect_bytes(
        &product.directory.update(variable)?.payload,
        &lists.to_bytes(),
        &format!("{variable}.auth"),
    )?;
    report.passed(format!(
        "{variable}.esl: our certificate and {} of Microsoft's, no other entry; {variable}.auth carries the same",
        microsofts.len()
    ));
    Ok(lists)
}

fn accepted(
    firmware: &Firmware<'_>,
    variable: VariableName,
    attributes: u32,
    update: &AuthenticatedVariable,
) -> Result<Authority> {
    update
        .time
        .check()
        .or_bug(|| format!("the time of the {variable} write is none"))?;
    judge(firmware, variable, attributes, update).or_bug(|| format!("firmware would refuse the {variable} write"))
}
