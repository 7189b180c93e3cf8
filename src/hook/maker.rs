//! The maker of a kernel that does not take our key: whose signature its modules bear.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::disk::files_below;
use crate::formats::crypto::certificate::Certificate;
use crate::formats::kernel::compression::Compression;
use crate::formats::text::printable;
use crate::sign::modules::is_module;
use crate::system;
use crate::trust::kernel::KernelTrust;

use super::modules::OWN;

/// Bytes at the end of a module that is not packed, which hold its signature.
const TAIL: u64 = 64 << 10;
/// Most packed modules that are looked at: each has to be unpacked to its end.
const SAMPLE: usize = 16;

/// The signatures of a kernel's own modules.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Signed {
    /// By a certificate that the kernel holds, as far as they were looked at.
    ByMaker {
        /// Its common name.
        name: String,
        /// The number of modules that were looked at.
        seen: usize,
        /// The number of modules.
        all: usize,
    },
    /// Otherwise: the first that is not, and the number of those that were looked at.
    Mixed { first: PathBuf, count: usize },
    /// The first is not, or there are none.
    ByOthers,
}

impl Signed {
    /// Looks at the modules that a kernel was built with: at the first as the kernel does; at the end of each other that is not packed,
    /// and of some that are, spread over all, for the certificate that it names. The audit judges each.
    pub fn read(trust: &KernelTrust, directory: &Path) -> Self {
        let mut files = files_below(directory, &mut Vec::new());
        files.retain(|path| is_module(path));
        let own = directory.join(OWN);
        if files.iter().any(|path| path.starts_with(&own)) {
            files.retain(|path| path.starts_with(&own));
        }
        let Some(maker) = files.first().and_then(|first| judge(trust, first)) else {
            return Self::ByOthers;
        };
        let (packed, plain): (Vec<PathBuf>, Vec<PathBuf>) = files.iter().cloned().partition(|path| is_packed(path));
        let looked_at: Vec<PathBuf> = plain.into_iter().chain(spread(packed)).collect();
        let is_known = |path: &&PathBuf| end_of(path).is_ok_and(|end| trust.knows_signer(&end));
        let strangers: Vec<&PathBuf> = looked_at.iter().filter(|path| !is_known(path)).collect();
        match strangers.first() {
            Some(first) => Self::Mixed {
                first: (*first).clone(),
                count: strangers.len(),
            },
            None => Self::ByMaker {
                name: printable(&maker.common_name()),
                seen: looked_at.len(),
                all: files.len(),
            },
        }
    }
}

/// The certificate that vouches for a module, if the kernel takes it.
fn judge(trust: &KernelTrust, path: &Path) -> Option<Certificate> {
    let file = system::read(path).ok()?;
    let module = Compression::from_magic(&file).unpack(&file).ok()?;
    trust.judge(&*module).ok()
}

fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending != "ko")
}

/// Some of many, the first and the last among them, and those between at equal distances.
fn spread(mut all: Vec<PathBuf>) -> Vec<PathBuf> {
    let last = all.len().saturating_sub(1);
    if last < SAMPLE {
        return all;
    }
    let places: Vec<usize> = (0..SAMPLE).map(|number| number * last / (SAMPLE - 1)).collect();
    let mut place = 0;
    all.retain(|_| {
        let is_it = places.contains(&place);
        place += 1;
        is_it
    });
    all
}

/// The end of a module, with all of its signature.
fn end_of(path: &Path) -> io::Result<Vec<u8>> {
    if !is_packed(path) {
        return tail(path);
    }
    let file = system::read(path).map_err(io::Error::other)?;
    Ok(Compression::from_magic(&file).unpack(&file)?.into_owned())
}

fn tail(path: &Path) -> io::Result<Vec<u8>> {
    let (mut file, metadata) = system::open(path).map_err(io::Error::other)?;
    file.seek(SeekFrom::Start(metadata.len().saturating_sub(TAIL)))?;
    let mut end = Vec::new();
    file.take(TAIL).read_to_end(&mut end)?;
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_the_first_the_last_and_some_between() {
        let names = |count: usize| (0..count).map(|number| PathBuf::from(number.to_string())).collect();
        assert_eq!(spread(names(16)).len(), 16);
        let some = spread(names(4000));
        assert_eq!(some.len(), SAMPLE);
        assert_eq!(
            [&some[0], &some[1], &some[15]],
            ["0", "266", "3999"].map(PathBuf::from).each_ref()
        );
        assert!(spread(Vec::new()).is_empty());
    }
}
