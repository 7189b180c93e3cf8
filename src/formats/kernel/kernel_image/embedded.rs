//! The facts that a kernel holds of itself, found without its table of symbols, which images do not have.
//!
//! The certificates of the keyring `.builtin_trusted_keys` stand one after the other at an address that is a multiple of
//! 8, the one of the build's own module key first. Behind them, room for further ones (zeros), and at the next multiple of 8 two
//! numbers of 8 bytes: the size of the list, and that of the first certificate, or 0 if it is not the build's
//! (`certs/system_certificates.S`, since Linux 5.13). That the list is followed by its own size tells it from other
//! certificates, such as those of the regulatory database.

use std::io::Read;
use std::ops::Range;

use flate2::bufread::GzDecoder;
use memchr::memmem;

use super::{KernelImageError, payload};
use crate::formats::crypto::certificate::Certificate;

/// Longest list of certificates with the room behind it, longest compressed configuration and longest banner, in bytes.
const LONGEST: usize = 1 << 20;
/// Most bytes of a kernel in memory.
const WINDOW: usize = 4 * LONGEST;
/// Most certificates in a list.
const MOST: usize = 64;
/// Most zeros behind a list, in bytes (`CONFIG_SYSTEM_EXTRA_CERTIFICATE_SIZE`, 4096 by default).
const ROOM: usize = 64 << 10;
/// The alignment of the list, and of the numbers behind it, in bytes.
const ALIGNMENT: usize = 8;
/// The beginning of a certificate in DER: a SEQUENCE whose length has two bytes.
const SEQUENCE: [u8; 2] = [0x30, 0x82];
/// The beginning of `/proc/version`; a release follows.
const BANNER: &[u8] = b"Linux version ";
/// The marks around the configuration, compressed by gzip (`kernel/configs.c`, `CONFIG_IKCONFIG`).
const CONFIG: (&[u8], &[u8]) = (b"IKCFG_ST", b"IKCFG_ED");
/// Largest configuration, in bytes; real ones have up to 300 KB.
const MAX_CONFIG: u64 = 4 << 20;

/// The facts that a kernel holds of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    /// The release, as `uname -r` prints it.
    pub release: String,
    /// The certificates that the kernel trusts for modules from its start; those that cannot be read are left out.
    pub certificates: Vec<Certificate>,
    /// The configuration, if it was built in.
    pub config: Option<Vec<u8>>,
}

impl Embedded {
    /// Reads the kernel in an image: for x86, arm64 and RISC-V, or an EFI zboot image. At most 4 MiB of it are in memory
    /// at a time, beside the image and what its decompressor needs.
    pub fn read(image: &[u8]) -> Result<Self, KernelImageError> {
        let mut kernel = payload::open(image)?;
        let mut found = Findings::default();
        let mut window = Vec::with_capacity(WINDOW);
        let (mut from, mut unpacked) = (0, 0_u64);
        loop {
            let room = (WINDOW - window.len()) as u64;
            let read = kernel.by_ref().take(room).read_to_end(&mut window);
            let read = read.map_err(KernelImageError::Unpack)? as u64;
            unpacked = unpacked.saturating_add(read);
            if unpacked > payload::MAX_KERNEL {
                return Err(KernelImageError::TooLarge);
            }
            let is_last = read < room;
            // What begins behind this may not be whole yet.
            let until = if is_last { window.len() } else { WINDOW - LONGEST };
            found.look_at(&window, from..until);
            if is_last {
                return found.finish();
            }
            window.drain(..until - LONGEST);
            from = LONGEST;
        }
    }
}

/// A list of certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
struct List {
    bytes: Vec<u8>,
    /// True if the numbers behind it say that the first certificate is the build's own.
    has_build_key: bool,
}

#[derive(Debug, Default)]
struct Findings {
    release: Option<String>,
    config: Option<Vec<u8>>,
    lists: Vec<List>,
}

impl Findings {
    /// Looks for texts that begin in a part of a window, and for lists whose size stands there. The part begins at a
    /// multiple of [`ALIGNMENT`].
    fn look_at(&mut self, window: &[u8], part: Range<usize>) {
        let texts = |mark| {
            let place = |found| window.get(part.start + found..);
            memmem::find_iter(window.get(part.clone()).unwrap_or_default(), mark).filter_map(place)
        };
        self.release = self.release.take().or_else(|| texts(BANNER).find_map(release));
        self.config = self.config.take().or_else(|| texts(CONFIG.0).find_map(config));
        for place in part.clone().step_by(ALIGNMENT) {
            let list = list_before(window, place);
            self.lists.extend(list.filter(|list| !self.lists.contains(list)));
        }
    }

    fn finish(self) -> Result<Embedded, KernelImageError> {
        // A list of revoked certificates is followed by its size too, and by anything.
        let best = self.lists.iter().any(|list| list.has_build_key);
        let mut lists = self.lists.into_iter().filter(|list| list.has_build_key == best);
        let list = lists.next();
        if lists.next().is_some() {
            return Err(KernelImageError::SeveralLists);
        }
        let bytes = list.map(|list| list.bytes).unwrap_or_default();
        let certificates = split(&bytes).filter_map(|der| Certificate::from_der(der).ok());
        Ok(Embedded {
            release: self.release.ok_or(KernelImageError::NoBanner)?,
            certificates: certificates.collect(),
            config: self.config,
        })
    }
}

/// The release in a banner.
fn release(banner: &[u8]) -> Option<String> {
    let rest = banner.strip_prefix(BANNER)?;
    let end = rest.iter().take(LONGEST).position(|byte| *byte == b' ')?;
    let release = std::str::from_utf8(rest.get(..end)?).ok()?;
    let is_release = release.starts_with(|c: char| c.is_ascii_digit()) && release.chars().all(|c| c.is_ascii_graphic());
    is_release.then(|| release.to_owned())
}

/// The configuration behind its mark.
fn config(marked: &[u8]) -> Option<Vec<u8>> {
    let rest = marked.strip_prefix(CONFIG.0)?;
    let rest = rest.get(..rest.len().min(LONGEST)).unwrap_or(rest);
    let packed = rest.get(..memmem::find(rest, CONFIG.1)?)?;
    let mut config = Vec::new();
    GzDecoder::new(packed).take(MAX_CONFIG).read_to_end(&mut config).ok()?;
    Some(config)
}

/// Length of the certificate at the start, by its header alone.
fn length(der: &[u8]) -> Option<usize> {
    let [first, second] = *der.strip_prefix(&SEQUENCE)?.first_chunk()?;
    Some(4 + usize::from(u16::from_be_bytes([first, second])))
}

/// The certificates of a list, one after the other.
fn split(mut list: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || list.split_off(..length(list)?))
}

/// The list whose size stands at `place`, with zeros between the two.
fn list_before(window: &[u8], place: usize) -> Option<List> {
    let (before, numbers) = window.split_at_checked(place)?;
    let mut numbers = numbers.chunks_exact(ALIGNMENT).map(number);
    let size = usize::try_from(numbers.next()?).ok()?;
    if size == 0 || size > before.len() {
        return None;
    }
    let build_key = usize::try_from(numbers.next()?).ok()?;
    if build_key > size {
        return None;
    }
    let zeros = before.iter().rev().take(ROOM).take_while(|byte| **byte == 0).count();
    // The list may end in zeros too.
    let first = place
        .saturating_sub(zeros)
        .saturating_sub(size)
        .next_multiple_of(ALIGNMENT);
    let mut starts = (first..=place - size).step_by(ALIGNMENT);
    starts.find_map(|start| {
        let list = before.get(start..start + size)?;
        let is_whole = split(list).take(MOST).map(<[u8]>::len).sum::<usize>() == size;
        let is_of_build = build_key != 0 && length(list)? == build_key;
        (is_whole && (build_key == 0 || is_of_build)).then(|| List {
            bytes: list.to_vec(),
            has_build_key: is_of_build,
        })
    })
}

fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
