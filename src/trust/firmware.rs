//! The certificates that this machine's firmware and shim hold now, as far as the kernel shows their variables.

use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::system::Context;
use crate::system::variables::{Efivarfs, Variables};

use super::chain;

/// The vendor of shim's variables.
const SHIM: Guid = Guid::from_fields(
    0x605d_ab50,
    0xe046,
    0x4300,
    [0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23],
);

/// True if the firmware enforces Secure Boot; false where that cannot be read.
#[must_use]
pub fn enforces(context: &Context) -> bool {
    let variables = Efivarfs::live(context);
    variables.is_ok_and(|variables| matches!(variables.flag("SecureBoot"), Ok(Some(true))))
}

/// Directory in which the kernel shows shim's variables that are too large for the firmware, and marks.
const MOK_VARIABLES: &str = "/sys/firmware/efi/mok-variables";
/// The mark by which shim has the kernel trust the owner's keys.
const MOK_TRUSTED: &str = "MokListTrustedRT";

/// The certificates of db; none if it cannot be read. A variable that is missing holds none.
#[must_use]
pub fn db(context: &Context) -> Option<Vec<Certificate>> {
    certificates(context, "db", &Guid::IMAGE_SECURITY_DATABASE)
}

/// The certificate of PK, as [`db`] has those of db.
#[must_use]
pub fn pk(context: &Context) -> Option<Vec<Certificate>> {
    certificates(context, "PK", &Guid::GLOBAL)
}

/// The certificates of shim's list of the owner's keys (MOK), as [`db`] has them.
#[must_use]
pub fn mok(context: &Context) -> Option<Vec<Certificate>> {
    certificates(context, "MokListRT", &SHIM)
}

/// True if the kernel takes shim's list of the owner's keys into `.machine` (`mokutil --trust-mok`).
#[must_use]
pub fn trusts_mok(context: &Context) -> bool {
    context.path(MOK_VARIABLES).join(MOK_TRUSTED).exists() || has(context, MOK_TRUSTED)
}

/// True if the kernel is told to take no certificate of db (`mokutil --ignore-db`).
#[must_use]
pub fn ignores_db(context: &Context) -> bool {
    has(context, "MokIgnoreDB")
}

fn has(context: &Context, name: &str) -> bool {
    let variables = Efivarfs::live(context);
    variables.is_ok_and(|variables| variables.read_raw(name, &SHIM).is_ok_and(|found| found.is_some()))
}

/// True if firmware that holds this certificate in db takes what the key of `signer` signed.
#[must_use]
pub fn vouches(held: &Certificate, signer: &Certificate) -> bool {
    chain::verify(signer, std::slice::from_ref(signer), held, &chain::Effort::default()).is_ok()
}

fn certificates(context: &Context, name: &str, vendor: &Guid) -> Option<Vec<Certificate>> {
    let variables = Efivarfs::live(context).ok()?;
    let Some(variable) = variables.read_raw(name, vendor).ok()? else {
        return Some(Vec::new());
    };
    let lists = SignatureDatabase::parse(&variable.data).ok()?;
    let certificates = lists
        .certificates()
        .filter_map(|(_, der)| Some(Certificate::from_der_prefix(der).ok()?.0));
    Some(certificates.collect())
}
