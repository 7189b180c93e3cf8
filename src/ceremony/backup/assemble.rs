//! Archive, sheet and pages of shares, under one secret that nothing keeps.

use std::collections::BTreeMap;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::error::{Error, Explain, Result};
use crate::formats::backup::secret_sharing;
use crate::formats::backup::share::{SECRET as SECRET_BYTES, Share};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::keys::{KeyName, Passphrase, Signer, SoftwareKey};
use crate::system::Context;

use super::super::layout::{ARCHIVE, SECRET, SHARES, SHEET, share_name};
use super::super::spec::Shares;
use super::super::transcript::ShareSet;
use super::archive;
use super::contents::{Contents, Subject};
use super::sheet;
use super::source::passphrase_from_secret;

/// The secret that a backup is to be under.
pub(super) enum Wrap {
    /// A new one, which is divided.
    Divided(Shares),
    /// A passphrase that people keep.
    Passphrase(Passphrase),
}

/// A backup that was made in memory, and restored from.
pub(super) struct Backup {
    /// The files: the place, "backup" or [`SHARES`], the name and the content.
    pub files: Vec<(&'static str, String, Zeroizing<Vec<u8>>)>,
    /// The shares that its secret is divided into.
    pub shares: Option<ShareSet>,
}

impl Backup {
    /// Permission bits of all its files.
    pub const MODE: u32 = SECRET;
}

/// Makes the backup of these keys, and restores each of them from it.
pub(super) fn assemble(
    context: &Context,
    subject: &Subject<'_>,
    keys: &BTreeMap<KeyName, Arc<SoftwareKey>>,
    wrap: &Wrap,
) -> Result<Backup> {
    let secret = Zeroizing::new(context.random::<SECRET_BYTES>()?);
    let (passphrase, shares) = match wrap {
        Wrap::Divided(shares) => {
            let passphrase = Passphrase::new(&passphrase_from_secret(&secret))?;
            (passphrase, Some(divide(context, *shares, &secret)?))
        }
        Wrap::Passphrase(passphrase) => (passphrase.duplicate(), None),
    };
    let mut wrapped = BTreeMap::new();
    for (name, key) in keys {
        wrapped.insert(*name, key.to_pem(context, Some(&passphrase))?);
    }
    let contents = Contents::gather(subject, &wrapped, shares.as_deref())?;
    let archive = archive::write(&contents.archived()?, context.now()?)?;
    for (name, key) in keys {
        if restored(&archive, *name, &passphrase)?.public_key() != key.public_key() {
            return Err(Error::bug(format!("the backup holds another {name} key")));
        }
    }
    let digest = HashAlgorithm::Sha256.digest(&[&archive]).to_hex();
    let text = |page: Zeroizing<String>| Zeroizing::new(page.as_bytes().to_vec());
    let mut files = vec![
        ("backup", ARCHIVE.to_owned(), Zeroizing::new(archive)),
        ("backup", SHEET.to_owned(), text(sheet::keys(&contents, &digest)?)),
    ];
    // After the restore: nobody holds a share of a backup that cannot be restored.
    for share in shares.iter().flatten() {
        files.push((SHARES, share_name(share.number), text(sheet::share(&contents, share)?)));
    }
    let shares = contents.shares.clone();
    Ok(Backup { files, shares })
}

/// A key out of the archive, as a restore gets it.
fn restored(archive: &[u8], name: KeyName, wrap: &Passphrase) -> Result<SoftwareKey> {
    let file = format!("{name}.key");
    let files = archive::read(archive).or_bug(|| "the archive does not read back".to_owned())?;
    let bytes = files
        .get(&file)
        .ok_or_else(|| Error::bug(format!("the archive lacks {file}")))?;
    SoftwareKey::parse(bytes, file.as_ref(), &mut || Ok(wrap.duplicate()))
}

/// Divides the secret; any that are enough must give it back.
fn divide(context: &Context, shares: Shares, secret: &[u8; SECRET_BYTES]) -> Result<Vec<Share>> {
    let Shares { needed, of } = shares;
    let cannot = || "cannot divide the secret of the backup".to_owned();
    let mut random = Zeroizing::new(Vec::new());
    for _ in 1..needed {
        random.extend_from_slice(&*Zeroizing::new(context.random::<SECRET_BYTES>()?));
    }
    debug_assert_eq!(random.len(), secret_sharing::coefficients(SECRET_BYTES, needed));
    let shares = Share::split(secret, context.random()?, needed, of, &random).or_bug(cannot)?;
    for window in shares.windows(usize::from(needed)) {
        if *Share::combine(window).or_bug(cannot)? != *secret {
            return Err(Error::bug("shares of the backup's secret do not give it back"));
        }
    }
    Ok(shares)
}
