mod imports;
mod interruption;
mod product;
mod restoring;
mod specification;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rayon::prelude::*;

use super::backup::drill::{self, Opener};
use super::transcript::{Event, Transcript};
use super::*;
use crate::error::Result;
use crate::formats::backup::share::Share;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::guid::Guid;
use crate::keys::directory::TRANSCRIPT;
use crate::keys::{KeyDirectory, KeyName, Passphrase};
use crate::system::{Clock, Context};
use crate::trust::microsoft::Selection;

/// 2028-02-29T12:00:00Z: a leap day, in the past of no certificate that matters here.
const LEAP_DAY: u64 = 1_835_438_400;

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn plain(name: &str, out: &Path) -> Spec {
    Spec::new(name, out).with_plain(KeyName::USUAL)
}

fn run(context: &Context, spec: &Spec) -> Result<Report> {
    super::run(context, spec, &Unobserved)
}

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse").unwrap()
}

/// A ceremony with all that one can have but tokens.
fn complete_spec(outside: &Path) -> Spec {
    let mut spec = Spec::new("whole", outside.join("node")).with_plain([KeyName::Db, KeyName::Module, KeyName::Grub]);
    spec.offline = Some(outside.join("offline"));
    for name in [KeyName::Pk, KeyName::Kek] {
        spec.keys.get_mut(&name).unwrap().place = Place::Offline;
    }
    // The smallest keys: this is about the order of things.
    for (name, key) in &mut spec.keys {
        key.bits = if *name == KeyName::Grub { 3072 } else { 2048 };
    }
    let shares = Some(Shares { needed: 2, of: 3 });
    let directory = outside.join("backup");
    spec.backup = Some(Backup { directory, shares });
    spec.passphrase = Some(passphrase());
    spec
}

fn share(backup: &Path, number: u8) -> Share {
    let page = fs::read_to_string(backup.join("shares").join(share_name(number))).unwrap();
    let start = page.find("bs1-").unwrap();
    Share::parse(page[start..].split('<').next().unwrap()).unwrap()
}
