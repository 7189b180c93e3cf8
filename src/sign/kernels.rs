//! The kernels whose modules a run signs: whether they take our signature, each looked at once, and the modules that
//! stay as they are because one does not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, quoted};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::text::printable;
use crate::system::Context;
use crate::trust::kernel::{KernelTrust, Takes, release_of_module};
use crate::trust::module::Obstacle;
use crate::trust::module_read::Subject;

use super::discover::Target;
use super::hash::Hash;
use super::outcome::Outcome;

/// A kernel that is being installed, whose image is not in its place yet.
#[derive(Debug, Clone, Copy)]
pub struct NewKernel<'a> {
    /// The release.
    pub release: &'a str,
    /// The image.
    pub image: &'a Path,
}

/// The kernels of a run.
pub(super) struct Kernels<'a> {
    context: &'a Context,
    new: Option<NewKernel<'a>>,
    seen: Mutex<BTreeMap<String, Arc<KernelTrust>>>,
    left: Mutex<BTreeMap<String, Left>>,
}

/// The modules of one kernel that stay as they are.
#[derive(Debug, Default)]
struct Left {
    obstacle: Option<Obstacle>,
    /// The reason, in words.
    why: String,
    /// Those that the kernel takes as they are.
    taken: usize,
    /// The common names of the certificates that vouch for those.
    makers: BTreeSet<String>,
    /// Those that it refuses with our signature as well as without.
    refused: usize,
    /// The reason why it is not known whether the kernel takes our signature, where that of another key is replaced.
    unknown: Option<String>,
}

impl<'a> Kernels<'a> {
    pub(super) fn new(context: &'a Context, new: Option<NewKernel<'a>>) -> Self {
        Self {
            context,
            new,
            seen: Mutex::default(),
            left: Mutex::default(),
        }
    }

    /// The release of the kernel that a module is for, by the directory that it lies in.
    pub(super) fn release(&self, target: &Target) -> Option<String> {
        release_of_module(self.context, &target.file)
    }

    fn trust(&self, release: &str) -> Arc<KernelTrust> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let image = self.new.filter(|new| new.release == release).map(|new| new.image);
        let read = || Arc::new(KernelTrust::read(self.context, release, image));
        Arc::clone(seen.entry(release.to_owned()).or_insert_with(read))
    }

    /// True if a module stays as it is: its kernel refuses our signature, or is not known to take it and takes the module as it
    /// is.
    pub(super) fn leaves(&self, release: &str, module: Subject<'_>, own: &Certificate, hash: HashAlgorithm) -> bool {
        let trust = self.trust(release);
        let (obstacle, why) = match trust.takes(own, hash) {
            Takes::Yes => return false,
            Takes::No(obstacle) => (Some(obstacle.clone()), obstacle.to_string()),
            Takes::Unknown(reason) => (None, reason),
        };
        let maker = trust.judge(module);
        if obstacle.is_none() && maker.is_err() {
            return false;
        }
        self.note(release, |left| {
            left.obstacle = obstacle;
            left.why = why;
            match maker {
                Ok(maker) => {
                    left.taken = left.taken.saturating_add(1);
                    left.makers.insert(printable(&maker.common_name()));
                }
                Err(_) => left.refused = left.refused.saturating_add(1),
            }
        });
        true
    }

    /// Notes that the signature of another key is replaced.
    pub(super) fn replaces(&self, release: &str, own: &Certificate, hash: HashAlgorithm) {
        if let Takes::Unknown(reason) = self.trust(release).takes(own, hash) {
            self.note(release, |left| left.unknown = Some(reason));
        }
    }

    fn note(&self, release: &str, note: impl FnOnce(&mut Left)) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        note(left.entry(release.to_owned()).or_default());
    }

    /// The outcomes of kernels that refuse what is left, and the warnings about the others.
    pub(super) fn finish(self, own: &Certificate, hash: Hash<'_>) -> (Vec<Outcome>, Vec<String>) {
        let (mut outcomes, mut warnings) = (Vec::new(), Vec::new());
        let left = std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner));
        for (release, left) in left {
            let trust = self.trust(&release);
            let shown = printable(&release);
            if let Some(reason) = left.unknown {
                warnings.push(format!(
                    "signatures of other keys on modules of Linux {shown} were replaced, and it is not known whether that kernel \
                     takes ours: {reason}"
                ));
            }
            if left.taken > 0 {
                let makers: Vec<String> = left.makers.into_iter().collect();
                let known = if left.obstacle.is_some() {
                    "ours would not do instead"
                } else {
                    "it is not known whether ours would do instead"
                };
                warnings.push(format!(
                    "modules of Linux {shown} that keep the signature of their maker ({}): {}; {known}: {}",
                    makers.join(", "),
                    left.taken,
                    left.why
                ));
            }
            if let (Some(obstacle), 1..) = (&left.obstacle, left.refused) {
                let error = Error::refused(format!(
                    "modules of Linux {shown} that are left alone, since it would refuse them with our signature as it does now: \
                     {}; {obstacle}",
                    left.refused
                ));
                let directory = self.context.path("/lib/modules").join(&release);
                let ways = ways_out(self.context, &trust, obstacle, own, hash);
                outcomes.push(Outcome {
                    tells_of: left.refused,
                    ..Outcome::failed(directory, ways.into_iter().fold(error, Error::hint))
                });
            }
        }
        (outcomes, warnings)
    }
}

/// The commands that have a kernel take what we sign.
#[must_use]
pub fn ways_out(
    context: &Context,
    trust: &KernelTrust,
    obstacle: &Obstacle,
    own: &Certificate,
    hash: Hash<'_>,
) -> Vec<String> {
    let release = &trust.release;
    let mut ways = Vec::new();
    match obstacle {
        Obstacle::Key { .. } => {
            if trust.asks_firmware() {
                let certificate = context.place("/etc/bootseal/keys/module.pem");
                ways.push(format!("bootseal enroll add db {} && reboot", quoted(&certificate)));
            }
            ways.push(format!(
                "build the kernel with the module certificate: bootseal kernel-config --kernel {}",
                quoted(Path::new(release))
            ));
        }
        // Of others' signatures alone: ours are RSA.
        Obstacle::TooOldForMlDsa => {}
        Obstacle::NoMlDsa(_, symbol, _) => ways.push(format!("build the kernel with CONFIG_{symbol}=y")),
        Obstacle::HashIsModule(..) | Obstacle::NoHash(..) | Obstacle::TooOld => {
            let other = HashAlgorithm::Sha512;
            if hash.for_kernel(Some(release)) != other && !matches!(trust.takes(own, other), Takes::No(_)) {
                ways.push(sign_over_sha512(context, release, hash));
            }
            if let Obstacle::HashIsModule(_, symbol) | Obstacle::NoHash(_, symbol) = obstacle {
                ways.push(format!("build the kernel with CONFIG_{symbol}=y"));
            }
        }
    }
    ways
}

/// The command that has the configuration say SHA-512 for a kernel: a table can stand in it once.
fn sign_over_sha512(context: &Context, release: &str, hash: Hash<'_>) -> String {
    let config = context.place("/etc/bootseal/config.toml");
    let config = quoted(&config);
    match hash {
        Hash::Fixed(_) => "bootseal sign modules --hash sha512 /lib/modules/VERSION".to_owned(),
        Hash::Configured(sign) if sign.module_hash.is_empty() => {
            format!("printf '\\n[sign.module_hash]\\n\"{release}\" = \"sha512\"\\n' >>{config}")
        }
        Hash::Configured(_) => {
            format!("sed -i '/^\\[sign.module_hash\\]/a \"{release}\" = \"sha512\"' {config}")
        }
    }
}
