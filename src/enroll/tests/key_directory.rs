//! A key directory with the files that enrollment reads, as a ceremony without Microsoft's certificates makes them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::formats::firmware::authenticated_variable::{ATTRIBUTES, EfiTime, VariableName};
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::keys::certificate::{Purpose, Request, self_signed};
use crate::keys::directory::{OWNER, REMOVE_PK};
use crate::keys::{Identity, KeyName, SoftwareKey};
use crate::system::{Clock, Context};

/// Makes keys at a time in seconds since 1970-01-01 UTC.
pub(super) fn key_directory(now: u64) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(directory.path().join(name), bytes).unwrap();
    let context = Context::host().with_clock(Clock::Fixed(now));
    let identity = |name: KeyName, purpose| {
        let key = SoftwareKey::generate(&context, 2048).unwrap();
        let request = Request {
            common_name: format!("test {}", name.purpose()),
            organization: None,
            purpose,
            years: 10,
        };
        let certificate = self_signed(&context, &key, &request).unwrap();
        let private = directory.path().join(format!("{name}.key"));
        fs::write(&private, key.to_pem(&context, None).unwrap()).unwrap();
        fs::set_permissions(&private, fs::Permissions::from_mode(0o400)).unwrap();
        write(&format!("{name}.pem"), certificate.to_pem().unwrap().as_bytes());
        Identity {
            name: name.to_string(),
            certificate,
            signer: Box::new(key),
        }
    };
    let pk = identity(KeyName::Pk, Purpose::Variables);
    let kek = identity(KeyName::Kek, Purpose::Variables);
    let db = identity(KeyName::Db, Purpose::Code);
    let owner = crate::trust::identities::OWNER;
    write(OWNER, format!("{owner}\n").as_bytes());
    let time = |context: &Context| EfiTime::from(context.date_time().unwrap());
    for (variable, own, signer) in [
        (VariableName::Pk, &pk, &pk),
        (VariableName::Kek, &kek, &pk),
        (VariableName::Db, &db, &kek),
    ] {
        let mut lists = SignatureDatabase::default();
        lists.add_certificate(owner, own.certificate.as_der());
        let update = signer.sign_update(variable, ATTRIBUTES, time(&context), lists.to_bytes());
        write(&format!("{variable}.esl"), &lists.to_bytes());
        write(&format!("{variable}.auth"), &update.unwrap().to_bytes());
    }
    let later = Context::host().with_clock(Clock::Fixed(now + 1));
    let removal = pk.sign_update(VariableName::Pk, ATTRIBUTES, time(&later), Vec::new());
    write(REMOVE_PK, &removal.unwrap().to_bytes());
    directory
}
