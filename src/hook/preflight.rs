//! Checks before a kernel is replaced, while ending the installation still changes nothing.

use std::path::Path;

use crate::disk::BOOT;
use crate::error::{Error, Explain, Result, quoted};
use crate::formats::text::{Shown, printable};
use crate::keys::{KeyDirectory, KeyName};
use crate::ledger::Ledger;
use crate::system::{Context, Space};
use crate::trust::OpenedImage;
use crate::trust::firmware;
use crate::trust::loader::is_packed_kernel;

use super::files::Files;
use super::request::Request;

/// Checks that the image can be signed, and that there is room for that where it will be. A note on an image that firmware does
/// not start by itself: a kernel that is compressed as a whole, as `Image.gz` of `AArch64`.
pub(super) fn check(files: &Files<'_>, image: &Path) -> Result<Option<String>> {
    let file = OpenedImage::open(image)?;
    let packed = is_packed_kernel(file.start());
    if !packed {
        file.sections().or_refuse(|| format!("cannot sign {}", image.shown()))?;
    }
    for directory in places(files) {
        let space = Space::at(&directory)?;
        let shown = directory.shown();
        if space.read_only {
            let hint = format!("mount -o remount,rw {}", quoted(&directory));
            return Err(Error::could_not_run(format!("{shown} is mounted for reading only")).hint(hint));
        }
        // A file is replaced by a new one beside it.
        let needed = file.len();
        if space.available < needed {
            return Err(Error::could_not_run(format!(
                "{shown} has {} bytes left, and signing the kernel there takes {needed}",
                space.available
            ))
            .hint(format!("remove an old kernel from {shown}")));
        }
    }
    Ok(packed.then(|| {
        format!(
            "{} is compressed as a whole: no firmware starts or verifies it, and GRUB does by its own signature alone; \
             CONFIG_EFI_ZBOOT=y makes a kernel of it that can be signed for firmware",
            image.shown()
        )
    }))
}

/// Checks that a firmware that enforces Secure Boot starts what the db key signs, as far as its variables can be read. Where
/// shim started the machine, its list of the owner's keys (MOK) does as well.
pub fn check_firmware(context: &Context, keys: &KeyDirectory) -> Result<()> {
    let Some(db) = firmware::db(context).filter(|_| firmware::enforces(context)) else {
        return Ok(());
    };
    let own = keys.certificate(KeyName::Db)?;
    let mok = firmware::mok(context).unwrap_or_default();
    let mut held = db.iter().chain(&mok);
    if held.any(|held| firmware::vouches(held, &own)) {
        return Ok(());
    }
    let path = keys.certificate_path(KeyName::Db);
    let text = format!(
        "the firmware enforces Secure Boot, and its db does not hold the certificate \"{}\" of {}: a kernel that is signed \
         by that key would not start",
        printable(&own.common_name()),
        path.shown()
    );
    Err(Error::refused(text).hint(format!("bootseal enroll add db {}", quoted(&path))))
}

/// Checks, where there are no keys, that this is no machine whose keys are gone: it enforces Secure Boot and has signed files, or
/// its platform key is of a ceremony, and a kernel that nobody signs would not start.
pub(super) fn check_missing_keys(context: &Context, keys: &Path, request: &Request) -> Result<()> {
    let has_signed = Ledger::read(context).map_or(true, |ledger| !ledger.index().recorded().is_empty());
    if request.removes || !firmware::enforces(context) {
        return Ok(());
    }
    let why = match enrolled_owner(context) {
        _ if has_signed => "files of this machine were signed".to_owned(),
        Some(subject) => format!("its platform key is \"{}\"", printable(&subject)),
        None => return Ok(()),
    };
    let shown = context.below_root(keys);
    let text = format!(
        "the firmware enforces Secure Boot, {why}, and there are no keys at {}: the kernel would not start",
        shown.shown()
    );
    let back = format!("bring {} back from its backup", quoted(&shown));
    Err(Error::refused(text)
        .hint(back)
        .hint("or, if something else signs here from now on: bootseal hook remove"))
}

/// The subject of the platform key, if it is one as ceremonies make them: NAME, the purpose, and a year.
fn enrolled_owner(context: &Context) -> Option<String> {
    let subjects = firmware::pk(context)?.into_iter().map(|pk| pk.common_name());
    subjects.into_iter().find(|subject| is_of_ceremony(subject))
}

fn is_of_ceremony(subject: &str) -> bool {
    let purpose = KeyName::Pk.purpose();
    let year = subject.split_once(purpose).filter(|(owner, _)| owner.len() > 1);
    year.is_some_and(|(_, year)| {
        let digits = year.trim_start().split('.').next().unwrap_or_default();
        digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The directories that the image will be in; none for a unified image, which is signed in the staging area.
fn places(files: &Files<'_>) -> Vec<std::path::PathBuf> {
    if files.environment.layout.as_deref() == Some("uki") {
        return Vec::new();
    }
    let named = files.environment.boot_root.as_ref().map(|path| files.below(path));
    let place = named.unwrap_or_else(|| files.context.path(BOOT));
    Some(place).filter(|place| place.is_dir()).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::is_of_ceremony;

    #[test]
    fn platform_keys_of_vendors_are_not_of_a_ceremony() {
        for subject in ["home Platform Key 2026", "home Platform Key 2027.2"] {
            assert!(is_of_ceremony(subject), "{subject}");
        }
        for subject in [
            "Platform Key",
            "Platform Key 2026",
            "Dell Inc. Platform Key",
            "Lenovo Ltd. PK CA 2012",
            "ASUSTeK MotherBoard PK Certificate",
            "",
        ] {
            assert!(!is_of_ceremony(subject), "{subject}");
        }
    }
}
