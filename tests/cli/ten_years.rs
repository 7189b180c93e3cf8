//! Ten years of keys on one machine: everything that happens to them happens, one after the other. After each step the machine starts, and
//! the audit is clean, or names what makes it clean; that is then done to the letter.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::firmware::signature_list::SignatureDatabase;
use serde_json::Value;

use crate::support::backup::Whole;
use crate::support::ceremony::private;
use crate::support::node::{DATABASE, GLOBAL, Node};
use crate::support::{as_printed, bootseal, self_signed, succeed, text, tool};

const KEYS: &str = "root/etc/bootseal/keys";
/// All that is asked of the keys and of the firmware.
const CHECKS: &str = "firmware.variables,firmware.attributes,keys";

struct Life {
    whole: Whole,
    board: Cell<usize>,
    backups: Cell<usize>,
    /// The last archive.
    archive: RefCell<PathBuf>,
}

impl Life {
    fn begin() -> Self {
        let whole = Whole::planned("");
        let plain = "encrypted = false\n";
        fs::write(
            whole.path("ceremony.toml"),
            format!(
                "name = \"life\"\nnode = \"{KEYS}\"\noffline = \"stick\"\nmicrosoft = [\"kek-2011\", \"uefi-2011\"]\n[keys.PK]\n{plain}[keys.KEK]\n{plain}\
                 [keys.db]\n{plain}[keys.module]\nbits = 2048\n{plain}[keys.grub]\nbits = 3072\n{plain}[backup]\ndirectory = \"first\"\n\
                 shares = {{ needed = 2, of = 3 }}\n"
            ),
        )
        .unwrap();
        fs::create_dir_all(whole.path("root/etc/bootseal")).unwrap();
        succeed(&mut whole.run());
        let archive = RefCell::new(whole.path("first/bootseal-backup.tar"));
        let life = Self {
            whole,
            board: Cell::new(1),
            backups: Cell::new(0),
            archive,
        };
        life.take_shares("first");
        life.system();
        life
    }

    /// The system's own files, as they are installed, signed.
    fn system(&self) {
        let node = Node::at(self.path("root"));
        node.kernel("boot/vmlinuz");
        node.write("boot/grub.cfg", "set timeout=5\n");
        node.config("[sign]\nefi = [\"/boot/vmlinuz\"]\ngrub = [\"/boot/vmlinuz\", \"/boot/grub.cfg\"]\n");
        succeed(&mut self.on_node(&["sign", "all"]));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.whole.path(name)
    }

    fn board(&self) -> PathBuf {
        let board = self.path(&format!("board-{}", self.board.get()));
        fs::create_dir_all(&board).unwrap();
        board
    }

    fn on_node(&self, words: &[&str]) -> Command {
        let mut command = bootseal(["--root"]);
        command
            .arg(self.path("root"))
            .args(words)
            .env("STATE_DIRECTORY", self.path("state"));
        command
    }

    /// A change of keys or firmware, by the keys on the stick.
    fn change(&self, words: &[&str]) {
        let mut command = self.on_node(words);
        command.arg("--yes").arg("--store").arg(self.board());
        succeed(&mut command);
    }

    fn stick(&self) -> String {
        self.path("stick").display().to_string()
    }

    fn take_shares(&self, backup: &str) {
        let share = |number: u8| {
            let page = fs::read_to_string(self.path(&format!("{backup}/shares/share-{number}.html"))).unwrap();
            page[page.find("bs1-").unwrap()..].split('<').next().unwrap().to_owned()
        };
        private(
            &self.path("shares.txt"),
            format!("{}\n{}\n", share(1), share(3)).as_bytes(),
        );
    }

    fn restore(&self, target: &str, only: &str, with: &str) {
        let mut command = bootseal(["ceremony", "restore", "--only", only, "--shares"]);
        command.arg(self.path("shares.txt")).arg("--with").arg(self.path(with));
        succeed(command.arg(&*self.archive.borrow()).arg(self.path(target)));
    }

    fn variable(&self, name: &str) -> SignatureDatabase {
        let vendor = if ["PK", "KEK"].contains(&name) {
            GLOBAL
        } else {
            DATABASE
        };
        let bytes = fs::read(self.board().join(format!("{name}-{vendor}"))).unwrap_or_else(|_| vec![0; 4]);
        SignatureDatabase::parse(&bytes[4..]).unwrap()
    }

    fn entries(&self, name: &str) -> BTreeSet<String> {
        let digest = |data: &[u8]| HashAlgorithm::Sha256.digest(&[data]).to_hex();
        let database = self.variable(name);
        database.entries().map(|(_, entry)| digest(&entry.data)).collect()
    }

    /// The firmware takes the kernel, and no signature of it is one that dbx forbids; GRUB takes it too.
    fn starts(&self, step: &str) {
        let image = self.path("root/boot/vmlinuz");
        let (mut is_taken, dbx) = (false, self.variable("dbx"));
        let certificates =
            |database: &SignatureDatabase| database.certificates().map(|(_, der)| der.to_vec()).collect::<Vec<_>>();
        let verifies = |der: &[u8]| {
            let (input, pem) = (self.path("one.der"), self.path("one.pem"));
            fs::write(&input, der).unwrap();
            succeed(
                tool("openssl")
                    .args(["x509", "-inform", "DER", "-in"])
                    .arg(&input)
                    .arg("-out")
                    .arg(&pem),
            );
            tool("sbverify")
                .arg("--cert")
                .arg(&pem)
                .arg(&image)
                .output()
                .unwrap()
                .status
                .success()
        };
        for der in certificates(&self.variable("db")) {
            is_taken |= verifies(&der);
        }
        assert!(is_taken, "{step}: no certificate of db verifies the kernel");
        for der in certificates(&dbx) {
            assert!(
                !verifies(&der),
                "{step}: a signature is by a certificate that dbx forbids"
            );
        }
        let mut gpgv = tool("gpgv");
        gpgv.arg("--keyring").arg(self.path(KEYS).join("grub.gpg"));
        succeed(gpgv.arg(self.path("root/boot/vmlinuz.sig")).arg(&image));
    }

    /// The remedies of all findings, in their order; none if the audit is clean.
    fn remedies(&self, step: &str) -> Vec<String> {
        let mut audit = self.on_node(&["--json", "audit", "--only", CHECKS, "--store"]);
        let output: Output = audit.arg(self.board()).output().unwrap();
        crate::support::remedies::printed(&output);
        let json: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{step}: {}", text(&output)));
        let mut remedies = Vec::new();
        for check in json["checks"].as_array().unwrap() {
            assert_eq!(check["not_run"].as_array().map_or(0, Vec::len), 0, "{step}: {check}");
            for finding in check["findings"].as_array().unwrap() {
                let remedy = finding["remedy"]
                    .as_str()
                    .unwrap_or_else(|| panic!("{step}: no remedy: {finding}"));
                if !remedies.iter().any(|known| known == remedy) {
                    remedies.push(remedy.to_owned());
                }
            }
        }
        assert_eq!(
            output.status.success(),
            remedies.is_empty(),
            "{step}: {}",
            text(&output)
        );
        remedies
    }

    /// Does what a remedy says: the commands in it, with the places that it leaves open.
    fn heed(&self, step: &str, remedy: &str) {
        // The first way out of several; the next one is for another case.
        let remedy = remedy.split("; if ").next().unwrap();
        for part in remedy
            .split("; ")
            .filter_map(|part| part.split_once("bootseal ").map(|(_, words)| words))
        {
            let mut words: Vec<String> = part.split(' ').map(str::to_owned).collect();
            let is = |group: &str, verb: &str| part.starts_with(&format!("{group} {verb}"));
            let target = format!("backup-{}", self.backups.get() + 1);
            for word in &mut words {
                match word.as_str() {
                    "STICK" => *word = self.stick(),
                    "DIR" => *word = self.path(&target).display().to_string(),
                    "BACKUP" => *word = self.archive.borrow().display().to_string(),
                    _ => {}
                }
            }
            // A look, after which a sentence goes on, and which finds something to do.
            let is_look = is("enroll", "plan");
            if is_look {
                words.retain(|word| word != "shows" && word != "the" && word != "writes");
            } else if is("enroll", "") {
                words.push("--yes".to_owned());
            } else if is("ceremony", "drill") {
                words.extend(["--shares".to_owned(), self.path("shares.txt").display().to_string()]);
            }
            let mut command = as_printed(&format!("bootseal {}", words.join(" ")));
            let output = command.env("STATE_DIRECTORY", self.path("state")).output().unwrap();
            assert!(
                output.status.success() || is_look,
                "{step}: {remedy}: {}",
                text(&output)
            );
            if is("ceremony", "backup") {
                self.backups.set(self.backups.get() + 1);
                self.archive.replace(self.path(&target).join("bootseal-backup.tar"));
                self.take_shares(&target);
            }
        }
    }

    /// The audit is clean, or becomes clean by what it names.
    fn becomes_clean(&self, step: &str) {
        for _ in 0..4 {
            let remedies = self.remedies(step);
            let Some(first) = remedies.first() else {
                self.starts(step);
                for place in [KEYS, "stick"] {
                    succeed(bootseal(["ceremony", "verify"]).arg(self.path(place)));
                }
                let transcripts =
                    [KEYS, "stick"].map(|place| fs::read(self.path(place).join("ceremony.jsonl")).unwrap());
                assert!(transcripts[0] == transcripts[1], "{step}: the transcripts have parted");
                return;
            };
            self.heed(step, first);
        }
        panic!("{step}: the audit names {:?} still", self.remedies(step));
    }
}

#[test]
#[allow(clippy::too_many_lines)] // ten years are one story
fn whatever_happens_in_ten_years_the_machine_starts_and_the_audit_knows_what_to_do() {
    let life = Life::begin();
    let stick = life.stick();
    life.becomes_clean("the first day");

    for key in ["db", "module", "grub"] {
        life.change(&["keys", "rotate", key, "--trusted", "--signed", "--authority", &stick]);
        succeed(&mut life.on_node(&["sign", "all"]));
        life.becomes_clean(key);
    }
    for key in ["KEK", "PK"] {
        life.change(&["keys", "rotate", key, "--keys", &stick]);
        life.becomes_clean(key);
    }

    let backup = |step: &str| {
        let root = life.path("root");
        life.heed(
            step,
            &format!(
                "bootseal ceremony backup --authority STICK DIR --root {}",
                root.display()
            ),
        );
        life.becomes_clean(step);
    };
    fs::remove_file(life.archive.borrow().parent().unwrap().join("shares/share-2.html")).unwrap();
    backup("a share is lost");
    fs::remove_dir_all(life.archive.borrow().parent().unwrap()).unwrap();
    backup("the archive is lost");

    fs::remove_dir_all(life.path("root")).unwrap();
    fs::remove_dir_all(life.path("state")).ok();
    fs::create_dir_all(life.path("root/etc/bootseal")).unwrap();
    life.restore(KEYS, "db,module,grub", "stick");
    life.system();
    life.becomes_clean("the node's disk is lost");

    fs::remove_dir_all(life.path("stick")).unwrap();
    life.restore("stick", "PK,KEK", KEYS);
    life.becomes_clean("the stick is lost");

    life.board.set(2);
    life.becomes_clean("the board is replaced");
    let last_week = life.path("last-week");
    succeed(tool("cp").arg("-a").arg(life.path(KEYS)).arg(&last_week));

    let add = |variable: &str, what: &[&str]| {
        let words: Vec<&str> = ["enroll", "add", variable]
            .into_iter()
            .chain(what.iter().copied())
            .collect();
        life.change(&[words, vec!["--keys", &stick]].concat());
        life.becomes_clean(&format!("{variable} gains {what:?}"));
    };
    add("db", &["uefi-2023", "option-rom-2023"]);
    add("KEK", &["kek-2023"]);
    for number in [1, 2] {
        let image = life.path(&format!("bad-{number}.efi"));
        let mut bytes = bootseal::formats::firmware::authenticode::minimal_image();
        *bytes.last_mut().unwrap() ^= number;
        fs::write(&image, bytes).unwrap();
        add("dbx", &[image.to_str().unwrap()]);
    }
    let vendor = self_signed(&life.path(""), "vendor", &["rsa:2048"]);
    add("db", &[vendor.to_str().unwrap()]);

    life.change(&[
        "keys",
        "revoke",
        "db",
        "--authority",
        &stick,
        "--reason",
        "the laptop was stolen",
    ]);
    life.becomes_clean("one's own certificate is revoked");

    let meant = ["PK", "KEK", "db", "dbx"].map(|name| life.entries(name));
    let is_as_meant = |what: &str| {
        for (name, meant) in ["PK", "KEK", "db", "dbx"].iter().zip(&meant) {
            let now = life.entries(name);
            let (lost, came): (Vec<_>, Vec<_>) = (meant.difference(&now).collect(), now.difference(meant).collect());
            assert!(
                lost.is_empty() && came.is_empty(),
                "{what}: {name} lost {lost:?} and gained {came:?}"
            );
        }
    };
    fs::remove_dir_all(life.board()).unwrap();
    life.becomes_clean("a factory reset");
    is_as_meant("what was added and revoked came back");

    fs::remove_dir_all(life.path(KEYS)).unwrap();
    succeed(tool("cp").arg("-a").arg(&last_week).arg(life.path(KEYS)));
    let step = "a backup of last week is restored over today";
    let first = life.remedies(step).remove(0);
    assert!(first.contains("bootseal keys sync STICK"), "{first}");
    life.heed(step, &first);
    // The private half of db is still the one that was revoked since; the last archive has the right one.
    assert!(!life.remedies(step).is_empty());
    fs::remove_dir_all(life.path(KEYS)).unwrap();
    life.restore(KEYS, "db,module,grub", "stick");
    life.becomes_clean(step);
    is_as_meant("nothing went from the firmware");
}
