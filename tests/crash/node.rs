//! A small node with something of every kind to sign, and what it may look like after a run that went wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use bootseal::formats::grub::openpgp::GrubKey;
use bootseal::trust::grub::judge;
use tempfile::TempDir;

use crate::support::node::Node as Machine;
use crate::support::{bootseal, keys, sign, succeed, text, tool, verify};

const CONFIG: &str = "[sign]\nmodules = [\"/lib/modules\"]\nefi = [\"/boot/vmlinuz-6.12.58\"]\n\
    grub = [\"/boot/grub\", \"/boot/vmlinuz*\"]\n";
/// The file that is signed for the firmware and for GRUB, by both of its names.
const KERNEL: [&str; 2] = ["boot/vmlinuz", "boot/vmlinuz-6.12.58"];
/// Where bootseal keeps its state.
const STATE: &str = "var/lib/bootseal";
/// `S_IFMT` and `S_IFREG` of inode(7).
const FILE_TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

/// A file, directory or link, as far as a run must not change it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// Content of a file or target of a link.
    content: Vec<u8>,
    /// Type and permission bits.
    mode: u32,
    owner: (u32, u32),
    /// Time of modification, of files and links.
    modified: Option<(i64, i64)>,
}

/// A tree, by paths below its root.
type Snapshot = BTreeMap<String, Entry>;

/// The node before and after a run without faults.
pub struct Template {
    directory: TempDir,
    old: Snapshot,
    new: Snapshot,
}

impl Template {
    /// With so few files that a run flushes each of them.
    pub fn small() -> &'static Self {
        static TEMPLATE: OnceLock<Template> = OnceLock::new();
        TEMPLATE.get_or_init(|| Self::new(0))
    }

    /// With so many files that a run flushes their whole file system.
    pub fn large() -> &'static Self {
        static TEMPLATE: OnceLock<Template> = OnceLock::new();
        TEMPLATE.get_or_init(|| Self::new(16))
    }

    /// With so many files that several threads put them in place.
    pub fn many() -> &'static Self {
        static TEMPLATE: OnceLock<Template> = OnceLock::new();
        TEMPLATE.get_or_init(|| Self::new(200))
    }

    /// With `fillers` more files for GRUB.
    fn new(fillers: usize) -> Self {
        // Where flushing costs nothing.
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let machine = Machine::at(directory.path().join("old"));
        let path = |name: &str| machine.path(name);
        machine.config(CONFIG);
        let modules: [(&str, &[&str]); 5] = [
            ("loop.ko", &[]),
            ("ext4.ko", &["xz", "--check=crc32"]),
            ("tun.ko", &["zstd", "-q"]),
            ("veth.ko", &["gzip", "-n"]),
            ("bonding.ko", &["xz", "--check=crc32"]),
        ];
        for (name, pack) in modules {
            let module = machine.module(&format!("lib/modules/6.12.58/{name}"));
            if let [program, options @ ..] = pack {
                succeed(tool(program).args(options).arg(&module));
                let _ = fs::remove_file(&module);
            }
        }
        // Its signature is a block of its own, which is replaced.
        let former = path("lib/modules/6.12.58/bonding.ko.xz");
        succeed(sign("modules", &[&former]).args(["--hash", "sha512"]));
        machine.kernel(KERNEL[1]);
        machine.link("vmlinuz-6.12.58", KERNEL[0]);
        machine.write("boot/grub/grub.cfg", "set timeout=5\n");
        machine.write("boot/grub/x86_64-efi/normal.mod", "\x7fELF");
        for number in 0..fillers {
            machine.write(&format!("boot/grub/{number}.lst"), format!("{number}\n"));
        }
        // Signed as they were before: one stays so, the signatures of the kernel become stale, and one loses its file.
        let orphan = "boot/grub/theme.txt";
        machine.write(orphan, "");
        machine.write("boot/grub/fonts.pf2", "FILE");
        let signed = [orphan, "boot/grub/fonts.pf2", KERNEL[0], KERNEL[1]].map(path);
        succeed(&mut sign("grub", &signed.each_ref().map(PathBuf::as_path)));
        machine.remove(orphan);
        // What a run must keep.
        machine.chmod(KERNEL[1], 0o600);
        let owned = path("lib/modules/6.12.58/loop.ko");
        chown(&owned, Some(12), Some(34)).unwrap();
        let (attribute, no_flags) = ("trusted.origin", rustix::fs::XattrFlags::empty());
        rustix::fs::setxattr(&owned, attribute, b"build", no_flags).unwrap();

        let old = snapshot(machine.root());
        let mut template = Self {
            directory,
            old,
            new: Snapshot::new(),
        };
        let node = template.node();
        succeed(&mut node.sign_all());
        node.check_state();
        let new = snapshot(&node.root);
        drop(node);
        template.new = new;
        template
    }

    /// A fresh copy of the node as it was before the run.
    pub fn node(&self) -> Node<'_> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let root = self.directory.path().join(number.to_string());
        let old = self.directory.path().join("old");
        succeed(tool("cp").arg("-a").arg(old).arg(&root));
        Node { template: self, root }
    }
}

/// A copy of the node, removed on drop.
pub struct Node<'a> {
    template: &'a Template,
    pub root: PathBuf,
}

impl Node<'_> {
    /// `bootseal sign all` on this node.
    pub fn sign_all(&self) -> Command {
        let mut command = bootseal(["sign", "all", "--root"]);
        command.arg(&self.root).arg("--keys").arg(keys());
        // Some of its signatures are older than their files.
        command.arg("--accept-changed").arg(&self.root);
        command
    }

    /// Reports that a message names a file of this node or of its keys.
    pub fn is_named_in(&self, message: &str) -> bool {
        [self.root.as_path(), keys()]
            .iter()
            .any(|path| message.contains(path.to_str().unwrap()))
    }

    /// Checks that every file is old or new, and that no signature is newer than its file. Returns the signatures that
    /// are older than their file, or what is wrong.
    pub fn check_whole(&self) -> Result<BTreeSet<String>, String> {
        let now = snapshot(&self.root);
        let (old, new) = (&self.template.old, &self.template.new);
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).chain(now.keys()).collect();
        let mut stale = BTreeSet::new();
        for name in names {
            let (was, will, is) = (old.get(name), new.get(name), now.get(name));
            let signed = name
                .strip_suffix(".sig")
                .filter(|file| is.is_some() && now.contains_key(*file));
            let holds = signed.is_none_or(|file| self.signature(file));
            if is == was {
                if !holds {
                    stale.insert(name.clone());
                }
                continue;
            }
            // Two signatures over the same bytes differ in their time.
            let is_new = |is: &Entry, will: &Entry| signed.is_some() && (is.mode, is.owner) == (will.mode, will.owner);
            if is != will && !is.zip(will).is_some_and(|(is, will)| is_new(is, will)) {
                return Err(format!("{name} is neither old nor new, but {is:?}"));
            }
            if !holds {
                return Err(format!("{name} is newer than its file"));
            }
        }
        Ok(stale)
    }

    /// Reports that the signature for GRUB beside a file holds.
    fn signature(&self, file: &str) -> bool {
        static KEY: OnceLock<GrubKey> = OnceLock::new();
        let key = KEY.get_or_init(|| GrubKey::parse(&fs::read(keys().join("grub.gpg")).unwrap()).unwrap());
        let [data, signature] = [file, &format!("{file}.sig")].map(|name| fs::read(self.root.join(name)).unwrap());
        judge(&data, Some(&signature), std::slice::from_ref(key)).is_ok()
    }

    /// Checks that nothing at all has changed.
    pub fn check_old(&self) {
        assert_eq!(snapshot(&self.root), self.template.old);
        assert_eq!(self.staged(), Vec::<PathBuf>::new());
    }

    /// Checks that everything is signed, and nothing left behind.
    pub fn check_new(&self) {
        let now = snapshot(&self.root);
        let names = |snapshot: &Snapshot| snapshot.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&now), names(&self.template.new));
        assert_eq!(self.check_whole(), Ok(BTreeSet::new()));
        for (name, entry) in now.iter().filter(|(name, _)| name.strip_suffix(".sig").is_none()) {
            assert_eq!(Some(entry), self.template.new.get(name), "{name}");
        }
        let files: Vec<PathBuf> = now
            .iter()
            .filter(|(name, entry)| entry.mode & FILE_TYPE == REGULAR && !name.starts_with("etc/"))
            .map(|(name, _)| self.root.join(name))
            .collect();
        succeed(&mut verify(&files.iter().map(PathBuf::as_path).collect::<Vec<_>>()));
        self.check_state();
    }

    /// Runs again, without faults, and checks that everything is signed. Where nothing at all has changed, that run
    /// would be the one that made the template.
    pub fn check_recovery(&self) {
        let mut state = Vec::new();
        files(&self.root.join(STATE), &mut state);
        if self.staged().is_empty() && state.len() <= 1 && snapshot(&self.root) == self.template.old {
            return;
        }
        succeed(&mut self.sign_all());
        self.check_new();
    }

    /// Files under a temporary name.
    pub fn staged(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        files(&self.root, &mut found);
        found.retain(|path| is_staged(path));
        found
    }

    /// The state directory holds the lock, manifests and a ledger that holds, and nothing else.
    fn check_state(&self) {
        let mut found = Vec::new();
        files(&self.root.join(STATE), &mut found);
        found.retain(|path| !path.parent().unwrap().ends_with("manifests") || path.extension().unwrap() != "json");
        found.sort();
        let expected = ["ledger.jsonl", "lock"].map(|name| self.root.join(STATE).join(name));
        assert_eq!(found, expected);
        // A run that was cut off after its last file stays open until the next one that signs a file.
        succeed(bootseal(["ledger", "verify", "--root"]).arg(&self.root));
    }

    /// The ledger holds, if there is one yet.
    pub fn check_ledger(&self) {
        let output = bootseal(["ledger", "verify", "--root"])
            .arg(&self.root)
            .output()
            .unwrap();
        let said = text(&output);
        let is_none = output.status.code() == Some(3) && said.contains("there is no ledger yet");
        assert!(output.status.success() || is_none, "{said}");
    }
}

impl Drop for Node<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn is_staged(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    name.starts_with(".bootseal-")
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    // bootseal's own directory is not there before the first run.
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

/// All of a tree but bootseal's own state and what is staged.
fn snapshot(root: &Path) -> Snapshot {
    let mut snapshot = Snapshot::new();
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let (path, metadata) = (entry.path(), entry.metadata().unwrap());
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if name == "var" || is_staged(&path) {
                continue;
            }
            let content = if metadata.is_dir() {
                directories.push(path);
                Vec::new()
            } else if metadata.is_symlink() {
                fs::read_link(path).unwrap().into_os_string().into_encoded_bytes()
            } else {
                fs::read(path).unwrap()
            };
            let entry = Entry {
                content,
                mode: metadata.mode(),
                owner: (metadata.uid(), metadata.gid()),
                modified: (!metadata.is_dir()).then(|| (metadata.mtime(), metadata.mtime_nsec())),
            };
            snapshot.insert(name, entry);
        }
    }
    snapshot
}
