//! The watch over a ceremony under way.

use crate::ceremony::{Observer, preflight};
use crate::cli::unlock::Pin;
use crate::error::Result;
use crate::finding::Finding;
use crate::keys::Passphrase;
use crate::ui::CeremonyProgress;

/// Watches a ceremony on the terminal, and answers for PINs.
pub(super) struct Watch<'a> {
    pub progress: CeremonyProgress,
    pub pin: &'a Pin,
}

impl Observer for Watch<'_> {
    fn looked(&self, check: &preflight::Check) {
        self.progress.looked(check);
    }

    fn found(&self, finding: &Finding) {
        self.progress.found(finding);
    }

    fn step(&self, text: &str) {
        self.progress.step(text);
    }

    fn ask(&self, secret: &str) -> Result<Passphrase> {
        self.pin.ask(secret)
    }
}
