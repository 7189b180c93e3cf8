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
