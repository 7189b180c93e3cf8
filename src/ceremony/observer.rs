//! The one who watches a ceremony: is told its steps and observations, and is asked for secrets.

use crate::error::{Error, Result};
use crate::finding::Finding;
use crate::keys::Passphrase;

use super::preflight::Check;

/// The one who watches a ceremony.
pub trait Observer {
    /// Is told the result of a check of the machine.
    fn looked(&self, _check: &Check) {}

    /// Is told an oddity of a certificate that is imported; the subject is the name of the key.
    fn found(&self, _finding: &Finding) {}

    /// Is told the step that comes now.
    fn step(&self, _text: &str) {}

    /// Is asked for a PIN that no file holds, or for the passphrase of a key that is imported; `secret` names it.
    fn ask(&self, secret: &str) -> Result<Passphrase> {
        Err(Error::usage(format!("nobody is there to be asked for the {secret}"))
            .hint("name a file that holds it: --pin-file FILE, or in a token's URI ?pin-source=file:PATH"))
    }
}

/// An observer that ignores everything and knows no secret.
#[derive(Debug, Clone, Copy)]
pub struct Unobserved;

impl Observer for Unobserved {}
