//! The stock of the boot media at the beginning of a kernel's installation: `hooks/stock.json` in the state directory.
//! Files that were there already were not installed by it, under whatever name they lie later.

use std::path::{Path, PathBuf};

use std::io::ErrorKind;

use serde::{Deserialize, Serialize};

use crate::disk::{BootMedia, Tree};
use crate::error::{Error, Explain, Kind, Result};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::system::{self, Context, FileKind};

/// Directory of the record, below the state directory.
const DIRECTORY: &str = "hooks";
/// The record's name in it.
const NAME: &str = "stock.json";
/// The name of the format, and its version.
const FORMAT: &str = "bootseal.stock/1";
const SECRET: u32 = 0o600;
/// Most files that a stock has.
const MAX_FILES: usize = 20_000;
/// Largest file that is read, in bytes; larger ones are entered by their size only.
const MAX_FILE: u64 = 1 << 30;
/// Longest record that is read, in bytes: 20,000 files with paths of 3,000 bytes.
const MAX_RECORD: u64 = 64 << 20;
/// Longest time between the first and the last slot of an installation, in seconds. A kernel may be linked anew for hours
/// after the first slot; a machine that slept for longer may have had its disk in other hands.
const MAX_AGE: u64 = 6 * 60 * 60;

/// The files on the boot media when an installation began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stock {
    format: String,
    /// The version of the kernel that is installed.
    subject: String,
    /// The kernel's name for the time since it started (random(4)).
    boot_id: String,
    /// The staging area, which is another directory in each installation; none where the caller has none.
    staging: Option<PathBuf>,
    /// Seconds since 1970-01-01 UTC.
    time: u64,
    /// The digests of the images that the installation says it installs: SHA-256, hexadecimal.
    sources: Vec<String>,
    files: Vec<StockFile>,
}

/// A file on a boot medium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StockFile {
    /// The path, for a reader.
    path: String,
    /// Bytes.
    size: u64,
    /// The time of the last write: seconds since 1970-01-01 UTC, and nanoseconds.
    modified: (i64, i64),
    /// SHA-256, hexadecimal; none of a file over [`MAX_FILE`].
    sha256: Option<String>,
}

impl StockFile {
    /// True if the file has, or may have, these bytes: by its digest, or by its size in bytes if it was too large for one.
    fn may_be(&self, sha256: &str, size: u64) -> bool {
        match &self.sha256 {
            Some(own) => own == sha256,
            None => self.size == size,
        }
    }
}

impl Stock {
    /// Takes stock of the boot media and records it for the later slots, in place of an earlier stock. `sources` are the
    /// SHA-256 of the images that are being installed. `None`, and no stock, where the running kernel has no boot ID. An
    /// error if anything on the media cannot be read, or there are over 20,000 files: a stock with gaps would let old
    /// files pass as new ones.
    pub fn take(
        context: &Context,
        media: &BootMedia,
        subject: &str,
        staging: Option<&Path>,
        sources: &[Digest],
    ) -> Result<Option<Self>> {
        Self::remove(context)?;
        let Some(boot_id) = system::boot_id(context)? else {
            return Ok(None);
        };
        let stock = Self {
            format: FORMAT.to_owned(),
            subject: subject.to_owned(),
            boot_id,
            staging: staging.map(Path::to_path_buf),
            time: context.now()?,
            sources: sources.iter().map(Digest::to_hex).collect(),
            files: files(media)?,
        };
        let state = context.state()?;
        let directory = state.join(DIRECTORY);
        system::create_dir(context, &state)?;
        system::create_dir(context, &directory)?;
        let text = serde_json::to_vec(&stock).or_bug(|| "cannot write a stock down".to_owned())?;
        system::replace_durably(context, &directory.join(NAME), &text, SECRET)?;
        Ok(Some(stock))
    }

    /// The stock of this installation. `None` if there is none, or one that does not count: of another kernel, taken
    /// before the machine started, over six hours ago or in the future, too long, no stock at all, or a file that others
    /// than its owner may write. An error if it cannot be read.
    pub fn load(context: &Context, subject: &str) -> Result<Option<Self>> {
        let path = context.state()?.join(DIRECTORY).join(NAME);
        if !system::is_there(&path)? {
            return Ok(None);
        }
        let bytes = match system::read_trusted(&path, MAX_RECORD) {
            Err(error) if error.kind() == Kind::Refused => return Ok(None),
            other => other?,
        };
        let Ok(stock) = serde_json::from_slice::<Self>(&bytes) else {
            return Ok(None);
        };
        let age = context.now()?.checked_sub(stock.time);
        let counts = stock.format == FORMAT
            && stock.subject == subject
            && age.is_some_and(|age| age <= MAX_AGE)
            && system::boot_id(context)?.is_some_and(|boot| boot == stock.boot_id);
        Ok(counts.then_some(stock))
    }

    /// Removes the stock, at the end of an installation. There need not be any.
    pub fn remove(context: &Context) -> Result<()> {
        let path = context.state()?.join(DIRECTORY).join(NAME);
        if system::is_there(&path)? {
            system::remove_file(context, &path)?;
        }
        Ok(())
    }

    /// True if the bytes of the file at this path (without symbolic links) came onto the media after the stock was taken:
    /// no file had them; or this file alone did and was written since, as where grub-mkconfig or dracut makes again what an
    /// installation that was cut short had made. Of two files with the same bytes, one may be a copy of the other.
    pub fn is_new(&self, path: &Path, bytes: &[u8]) -> Result<bool> {
        let sha256 = HashAlgorithm::Sha256.digest(&[bytes]).to_hex();
        let mut same = self
            .files
            .iter()
            .filter(|file| file.may_be(&sha256, bytes.len() as u64));
        let Some(file) = same.next() else { return Ok(true) };
        if same.next().is_some() || file.sha256.is_none() || Path::new(&file.path) != path {
            return Ok(false);
        }
        let info = system::info_of_name(path)?;
        Ok(info.is_some_and(|info| info.state.modified() != file.modified))
    }

    /// True if an installation with this staging area took the stock; one without cannot be told from others.
    #[must_use]
    pub fn is_of(&self, staging: Option<&Path>) -> bool {
        staging.is_some() && self.staging.as_deref() == staging
    }

    /// The digests of the images that are being installed: SHA-256, hexadecimal.
    #[must_use]
    pub fn sources(&self) -> &[String] {
        &self.sources
    }
}

/// All regular files on the media, with their digests.
fn files(media: &BootMedia) -> Result<Vec<StockFile>> {
    let mut found = Vec::new();
    for directory in media.directories() {
        let tree = Tree::below(directory, &|_| false);
        if let Some((path, error)) = tree.unread.into_iter().next() {
            return Err(Error::could_not_run(format!("cannot take stock of {}", path.display())).caused_by(error));
        }
        for entry in tree.files.into_iter().filter(|entry| entry.kind == FileKind::File) {
            if found.len() == MAX_FILES {
                return Err(Error::could_not_run(format!(
                    "cannot take stock of {}: there are over {MAX_FILES} files",
                    directory.display()
                )));
            }
            let Some(state) = system::info_of_name(&entry.path)?.map(|info| info.state) else {
                continue;
            };
            let modified = state.modified();
            let path = entry.path.to_string_lossy().into_owned();
            if state.size > MAX_FILE {
                found.push(StockFile {
                    path,
                    size: state.size,
                    modified,
                    sha256: None,
                });
                continue;
            }
            match system::read(&entry.path) {
                Ok(bytes) => found.push(StockFile {
                    path,
                    size: bytes.len() as u64,
                    modified,
                    sha256: Some(HashAlgorithm::Sha256.digest(&[&bytes]).to_hex()),
                }),
                // Removed in between.
                Err(error) if error.io_kind() == Some(ErrorKind::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::Clock;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    const BOOT: &str = "11111111-2222-3333-4444-555555555555";
    const NOW: u64 = 1_000_000;

    struct Machine {
        root: tempfile::TempDir,
        context: Context,
        media: BootMedia,
    }

    fn sha256(bytes: &[u8]) -> Digest {
        HashAlgorithm::Sha256.digest(&[bytes])
    }

    impl Machine {
        /// A machine whose stock was taken.
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let context = Context::host().with_root(root.path()).with_clock(Clock::Fixed(NOW));
            for directory in ["boot/grub", "efi/EFI", "proc/sys/kernel/random"] {
                fs::create_dir_all(root.path().join(directory)).unwrap();
            }
            fs::write(root.path().join("boot/vmlinuz-1"), b"kernel").unwrap();
            fs::write(root.path().join("efi/EFI/x.efi"), b"image").unwrap();
            fs::write(root.path().join("secret"), b"secret").unwrap();
            symlink("/secret", root.path().join("boot/link")).unwrap();
            let media = BootMedia::of_machine(&context, []).unwrap();
            let machine = Self { root, context, media };
            machine.start(BOOT);
            machine.take(&machine.context).unwrap();
            machine
        }

        fn start(&self, boot: &str) {
            fs::write(
                self.root.path().join("proc/sys/kernel/random/boot_id"),
                format!("{boot}\n"),
            )
            .unwrap();
        }

        fn take(&self, context: &Context) -> Result<Option<Stock>> {
            Stock::take(context, &self.media, "6.12.1", None, &[sha256(b"source")])
        }

        fn load(&self) -> Option<Stock> {
            Stock::load(&self.context, "6.12.1").unwrap()
        }

        fn at(&self, time: u64) -> Option<Stock> {
            let context = self.context.clone().with_clock(Clock::Fixed(time));
            Stock::load(&context, "6.12.1").unwrap()
        }

        fn record(&self) -> PathBuf {
            self.root.path().join("var/lib/bootseal/hooks/stock.json")
        }
    }

    #[test]
    fn a_stock_knows_the_bytes_under_any_name_and_is_private() {
        let machine = Machine::new();
        let stock = machine.load().unwrap();
        for (bytes, is_new) in [
            (&b"kernel"[..], false),
            (b"image", false),
            (b"secret", true),
            (b"new", true),
            (b"", true),
        ] {
            let is_new_at = |path: &str| stock.is_new(&machine.root.path().join(path), bytes).unwrap();
            assert_eq!(is_new_at("boot/other"), is_new);
            assert_eq!(is_new_at("boot/vmlinuz-1"), is_new);
        }
        assert_eq!(stock.sources(), [sha256(b"source").to_hex()]);
        let mode = fs::metadata(machine.record()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        for _ in 0..2 {
            Stock::remove(&machine.context).unwrap();
            assert_eq!(machine.load(), None);
        }
    }

    #[test]
    fn a_stock_of_another_kernel_start_or_time_does_not_count() {
        let machine = Machine::new();
        assert_eq!(Stock::load(&machine.context, "6.12.2").unwrap(), None);
        assert!(machine.at(NOW + MAX_AGE).is_some());
        assert_eq!(machine.at(NOW + MAX_AGE + 1), None);
        assert_eq!(machine.at(NOW - 1), None);
        machine.start("11111111-2222-3333-4444-555555555556");
        assert_eq!(machine.load(), None);
        machine.start(BOOT);
        assert!(machine.load().is_some());
    }

    #[test]
    fn garbage_another_format_and_a_file_of_others_are_no_stock() {
        let machine = Machine::new();
        let good = fs::read_to_string(machine.record()).unwrap();
        let other = good.replace(FORMAT, "bootseal.stock/2");
        let more = good.replacen('{', "{\"more\":1,", 1);
        for bad in ["", "{", "[]", &good[1..], &other, &more] {
            fs::write(machine.record(), bad).unwrap();
            assert_eq!(machine.load(), None, "{bad}");
        }
        fs::write(machine.record(), &good).unwrap();
        assert!(machine.load().is_some());
        fs::set_permissions(machine.record(), fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(machine.load(), None);
    }

    #[test]
    fn without_a_boot_id_nothing_is_taken_and_the_former_stock_is_gone() {
        let machine = Machine::new();
        machine.start("no boot id");
        assert_eq!(machine.take(&machine.context).unwrap(), None);
        assert!(!machine.record().exists());
    }

    #[test]
    fn a_dry_run_records_nothing() {
        let machine = Machine::new();
        Stock::remove(&machine.context).unwrap();
        let dry = machine.context.clone().with_dry_run(true);
        assert!(machine.take(&dry).unwrap().is_some());
        assert!(!machine.record().exists());
    }

    #[test]
    fn a_huge_file_counts_by_its_size() {
        let machine = Machine::new();
        let huge = fs::File::create(machine.root.path().join("boot/huge.img")).unwrap();
        huge.set_len(MAX_FILE + 1).unwrap();
        let stock = machine.take(&machine.context).unwrap().unwrap();
        let huge = stock.files.iter().find(|file| file.sha256.is_none()).unwrap();
        assert!(huge.may_be("any digest", MAX_FILE + 1) && !huge.may_be("any digest", 6));
        assert!(
            stock
                .is_new(&machine.root.path().join("boot/huge.img"), b"anything")
                .unwrap()
        );
    }

    #[test]
    fn the_same_bytes_written_again_are_new_unless_another_file_had_them() {
        let machine = Machine::new();
        let path = machine.root.path().join("boot/grub/grub.cfg");
        let write = |path: &Path, time: u64| {
            fs::write(path, b"menu").unwrap();
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(time);
            fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_modified(time)
                .unwrap();
        };
        write(&path, 5);
        let stock = machine.take(&machine.context).unwrap().unwrap();
        let is_new = |path: &Path| stock.is_new(path, b"menu").unwrap();
        assert!(!is_new(&path));
        write(&path, 6);
        assert!(is_new(&path));
        // A copy has the bytes, and nobody has made them.
        let copy = path.with_file_name("grub.cfg~");
        write(&copy, 6);
        assert!(!is_new(&copy));
        let stock = machine.take(&machine.context).unwrap().unwrap();
        write(&path, 7);
        assert!(!stock.is_new(&path, b"menu").unwrap());
    }

    #[test]
    fn a_directory_that_cannot_be_seen_is_an_error() {
        let machine = Machine::new();
        fs::create_dir_all(machine.root.path().join("boot").join("d/".repeat(40))).unwrap();
        let error = machine.take(&machine.context).unwrap_err();
        assert!(error.to_string().starts_with("cannot take stock of"), "{error}");
        assert_eq!(machine.load(), None);
    }
}
