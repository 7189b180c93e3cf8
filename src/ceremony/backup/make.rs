//! The step that makes the backup.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::error::{Error, Explain, Result};
use crate::formats::backup::secret_sharing;
use crate::formats::backup::share::{SECRET as SECRET_BYTES, Share};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::keys::{KeyName, Passphrase, Signer, SoftwareKey};

use super::super::layout::{ARCHIVE, SECRET, SHARES, SHEET, share_name};
use super::super::spec::Shares;
use super::super::transcript::{Event, ShareSet};
use super::super::work::Work;
use super::archive;
use super::contents::Contents;
use super::sheet;
use super::source::passphrase_from_secret;

/// Makes the backup and restores from it: archive, sheet and shares in one step, since they are under one secret, which
/// nothing keeps.
pub(in super::super) fn make(work: &mut Work<'_>, divided: Option<Shares>) -> Result<()> {
    let secret = Zeroizing::new(work.began.random::<SECRET_BYTES>()?);
    let wrap = match divided {
        Some(_) => Passphrase::new(&passphrase_from_secret(&secret))?,
        None => work
            .spec
            .required_passphrase("the backup is under the passphrase of the keys")?
            .duplicate(),
    };
    let (keys, without): (Vec<KeyName>, Vec<KeyName>) =
        KeyName::ALL.into_iter().partition(|name| work.spec.is_backed_up(*name));
    let mut wrapped = BTreeMap::new();
    for name in keys.iter().copied() {
        let key = software_key(work, name)?;
        wrapped.insert(name, key.to_pem(&work.began, Some(&wrap))?);
    }
    let shares = match divided {
        Some(shares) => Some(divide(work, shares, &secret)?),
        None => None,
    };
    let contents = Contents::gather(work, divided, &wrapped, shares.as_deref())?;
    let archive = archive::write(&contents.archived(work)?, work.began.now()?)?;
    for name in keys.iter().copied() {
        let held = restored(&archive, name, &wrap)?;
        if held.public_key() != work.signers()?.get(&name).ok_or_else(no_key)?.public_key() {
            return Err(Error::bug(format!("the backup holds another {name} key")));
        }
    }
    let digest = HashAlgorithm::Sha256.digest(&[&archive]).to_hex();
    let mut files = vec![
        work.file("backup", ARCHIVE, &archive, SECRET)?,
        work.file("backup", SHEET, sheet::keys(&contents, &digest)?.as_bytes(), SECRET)?,
    ];
    // After the restore: nobody holds a share of a backup that cannot be restored.
    for share in shares.iter().flatten() {
        let page = sheet::share(&contents, share)?;
        files.push(work.file(SHARES, &share_name(share.number), page.as_bytes(), SECRET)?);
    }
    let set = shares.as_deref().and_then(<[Share]>::first).map(|share| ShareSet {
        set: share.set_name(),
        needed: share.needed,
        of: share.of,
    });
    let names = |names: Vec<KeyName>| names.into_iter().map(|name| name.name().to_owned()).collect();
    work.record(Event::BackedUp {
        keys: names(keys),
        without: names(without),
        shares: set,
        files,
    })
}

fn no_key() -> Error {
    Error::bug("a key of the backup was not made")
}

/// A key from its file, or one that is on a token from the copy that was put there.
fn software_key(work: &Work<'_>, name: KeyName) -> Result<SoftwareKey> {
    let path = work.place("keys").join(format!("{name}.imported"));
    if path.exists() {
        let wrap = || {
            work.spec
                .required_passphrase("a key is encrypted on its way to the token")
        };
        return SoftwareKey::load(&path, &mut || wrap().map(Passphrase::duplicate));
    }
    work.directory()?
        .software_key(name, &mut |secret| work.ask(name, secret))
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
fn divide(work: &Work<'_>, shares: Shares, secret: &[u8; SECRET_BYTES]) -> Result<Vec<Share>> {
    let Shares { needed, of } = shares;
    let cannot = || "cannot divide the secret of the backup".to_owned();
    let mut random = Zeroizing::new(Vec::new());
    for _ in 1..needed {
        random.extend_from_slice(&*Zeroizing::new(work.began.random::<SECRET_BYTES>()?));
    }
    debug_assert_eq!(random.len(), secret_sharing::coefficients(SECRET_BYTES, needed));
    let shares = Share::split(secret, work.began.random()?, needed, of, &random).or_bug(cannot)?;
    for window in shares.windows(usize::from(needed)) {
        if *Share::combine(window).or_bug(cannot)? != *secret {
            return Err(Error::bug("shares of the backup's secret do not give it back"));
        }
    }
    Ok(shares)
}
