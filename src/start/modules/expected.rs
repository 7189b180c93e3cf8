//! The keys and the hash that the modules of one kernel are judged by: ours where the kernel takes them, its maker's where it
//! does not.

use std::collections::BTreeMap;
use std::path::Path;

use crate::finding::{Finding, Kind, Outcome};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::text::printable;
use crate::system::Context;
use crate::system::config::Config;
use crate::trust::kernel::{KernelTrust, Takes};
use crate::trust::module::Obstacle;

use super::answer::{Answer, Unpacked, signature};

/// A kernel refuses modules that bear our signature.
pub const KERNEL_REFUSES_OURS: Kind = Kind::error("kernel_refuses_ours");

/// The keys and the hash for the modules of one kernel.
pub struct Expected {
    /// The kernel's release; empty for any.
    pub release: String,
    ours: Vec<Certificate>,
    /// The hash that our signatures are to be over.
    hash: HashAlgorithm,
    /// The kernel, if one is meant.
    trust: Option<KernelTrust>,
    /// Where it is not known to take ours: the certificates that it holds, and ours unless it is known to refuse them.
    others: Option<Vec<Certificate>>,
    /// The reason why it refuses ours.
    obstacle: Option<Obstacle>,
    /// The reason why it is not known whether it takes ours.
    unknown: Option<String>,
}

impl Expected {
    /// Ours, for kernels of which nothing is known.
    #[must_use]
    pub fn ours(config: &Config, ours: &[Certificate]) -> Self {
        Self {
            release: String::new(),
            ours: ours.to_vec(),
            hash: config.sign.hash_for(""),
            trust: None,
            others: None,
            obstacle: None,
            unknown: None,
        }
    }

    /// Those for the kernel of this release. `image` is its image, if the caller knows it; else it is looked for.
    #[must_use]
    pub fn read(context: &Context, config: &Config, release: &str, image: Option<&Path>, ours: &[Certificate]) -> Self {
        let mut expected = Self {
            release: release.to_owned(),
            hash: config.sign.hash_for(release),
            ..Self::ours(config, ours)
        };
        let Some(own) = ours.first() else { return expected };
        let trust = KernelTrust::read(context, release, image);
        let mut trusted: Vec<Certificate> = trust.certificates().cloned().collect();
        match trust.takes(own, expected.hash) {
            Takes::Yes => {}
            Takes::No(obstacle) => {
                expected.obstacle = Some(obstacle);
                expected.others = Some(trusted);
            }
            Takes::Unknown(reason) => {
                expected.unknown = Some(reason);
                trusted.extend_from_slice(ours);
                expected.others = Some(trusted);
            }
        }
        expected.trust = Some(trust);
        expected
    }

    /// True if it cannot be told whether the kernel takes ours, as where its image is damaged.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        self.unknown.is_some()
    }

    /// The kernel; none if none is meant.
    #[must_use]
    pub const fn kernel(&self) -> Option<&KernelTrust> {
        self.trust.as_ref()
    }

    /// Judges a module. `digest` is that of the hashed bytes, if it is known already.
    #[must_use]
    pub fn judge(&self, module: &Unpacked, digest: Option<&Digest>) -> Answer {
        let names_us = || self.ours.iter().any(|own| module.subject().names_signer(own));
        if self.obstacle.is_some() && names_us() {
            return Answer::OursRefused;
        }
        let trusted = self.others.as_ref().unwrap_or(&self.ours);
        let signature = match signature(module, trusted, digest) {
            Ok(signature) => signature,
            Err(answer) => return answer,
        };
        // One of ours may be left from the time when another hash was signed.
        if let Some(obstacle) = self.trust.as_ref().and_then(|trust| trust.obstacle_to(&signature)) {
            return Answer::Refused(obstacle.to_string());
        }
        match &self.others {
            Some(_) if !self.ours.contains(signature.certificate) => {
                Answer::Makers(printable(&signature.certificate.common_name()))
            }
            _ if signature.hash == self.hash => Answer::Right,
            _ => Answer::OtherHash {
                found: signature.hash,
                wanted: self.hash,
            },
        }
    }
}

/// The answers to the modules of one kernel that are told together.
#[derive(Default)]
pub struct Together {
    ours_refused: usize,
    /// The number of modules by each maker's certificate.
    makers: BTreeMap<String, usize>,
}

impl Together {
    /// Takes an answer that is told together with others; gives back one that is told alone.
    pub fn take(&mut self, answer: Answer) -> Option<Answer> {
        match answer {
            Answer::OursRefused => self.ours_refused = self.ours_refused.saturating_add(1),
            Answer::Makers(maker) => {
                let count = self.makers.entry(maker).or_default();
                *count = count.saturating_add(1);
            }
            alone => return Some(alone),
        }
        None
    }

    /// Tells of them. `place` is where they lie. Returns the number of those that are right.
    pub fn tell(self, expected: &Expected, place: &str, outcome: &mut Outcome) -> usize {
        let release = printable(&expected.release);
        if let (Some(obstacle), 1..) = (&expected.obstacle, self.ours_refused) {
            let text = format!(
                "modules in {} that bear our signature, which Linux {release} refuses: {}; {obstacle}",
                printable(place),
                self.ours_refused
            );
            let remedy = format!("bootseal hook status says how Linux {release} would take them");
            let finding = Finding::new(KERNEL_REFUSES_OURS, place, text);
            outcome.findings.push(finding.remedy(remedy));
        }
        let obstacle = expected.obstacle.as_ref().map(Obstacle::to_string);
        let why = obstacle.or_else(|| expected.unknown.clone()).unwrap_or_default();
        let mut right = 0_usize;
        for (maker, count) in self.makers {
            right = right.saturating_add(count);
            outcome.evidence.push(format!(
                "{count} by \"{maker}\", which Linux {release} holds, and not by our key: {why}"
            ));
        }
        right
    }
}
