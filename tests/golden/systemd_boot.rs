//! The entry that systemd-boot starts, as bootctl(1) tells it of the same files, and systemd's order of versions.

use std::cmp::Ordering;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use bootseal::disk::{EfiPartition, ExtendedBoot};
use bootseal::enroll::systemd_boot_choice;
use bootseal::formats::text::by_uapi_version;
use bootseal::system::Context;
use serde_json::Value;

use crate::differential::random::Random;
use crate::support::programs::{judge, tool};
use crate::support::{succeed, text};

/// Enters a name space in which the directories are the roots of file systems, as bootctl wants partitions to be.
const ENTER: &str = "cd \"$1\"; mount --bind efi efi; mount --bind boot boot; shift; exec \"$@\"";
const ROUNDS: usize = 60;

#[test]
fn the_entry_that_starts_is_the_one_that_bootctl_tells() {
    let mut random = Random::new(0x5d_b007);
    let mut keyed = 0;
    for round in 0..ROUNDS {
        let root = tempfile::tempdir().unwrap();
        let entries = 2 + random.below(5);
        for directory in ["efi", "boot"] {
            fs::create_dir_all(root.path().join(directory).join("loader/entries")).unwrap();
            fs::write(root.path().join(directory).join("linux"), "").unwrap();
        }
        for number in 0..entries {
            let directory = random.pick(&["efi", "efi", "boot"]);
            let name = format!(
                "{}-{}{}{}.conf",
                random.pick(&["gentoo", "debian", "a_b"]),
                random.pick(&["6.9", "6.12", "6.12.10", "6.12-r1", "6.12-rc1", "6.12.1-1"]),
                // No two have the same name, of which the order is left open.
                "x".repeat(number),
                random.pick(&["", "", "", "+3", "+0", "+0-3", "+2-1"]),
            );
            // What the loader reads and bootctl does not is left out: keys in quotes, defaults in another case than names, and names with other characters than letters, digits and `+-_.`.
            let mut words = "linux /linux\n".to_owned();
            if random.once_in(2) {
                keyed += 1;
                let key = random.pick(&["a", "b", "c"]);
                let version = random.pick(&["6.9", "6.12", "6.12~rc1", "7"]);
                writeln!(words, "sort-key {key}\nversion {version}").unwrap();
            }
            if random.once_in(3) {
                writeln!(words, "machine-id {:032x}", random.below(2)).unwrap();
            }
            fs::write(root.path().join(directory).join("loader/entries").join(name), words).unwrap();
        }
        if random.once_in(2) {
            let default = random.pick(&["gentoo*", "debian-6.1?*", "*6.9*", "nobody"]);
            fs::write(
                root.path().join("efi/loader/loader.conf"),
                format!("default {default}\n"),
            )
            .unwrap();
        }
        let context = Context::host().with_root(root.path());
        let partition = |name: &str| EfiPartition::named(&root.path().join(name)).unwrap();
        let extended = ExtendedBoot::Mounted(partition("boot"));
        let choice = systemd_boot_choice(&context, &partition("efi"), &extended)
            .unwrap()
            .unwrap();
        let (own, told) = (choice.entry.own_file().unwrap().to_owned(), told(root.path()));
        assert_eq!(own, Path::new(&told), "round {round}");
    }
    assert!(keyed > ROUNDS, "{keyed} entries with keys");
}

/// The default entry of these partitions.
fn told(root: &Path) -> String {
    let libraries = judge("pcrlock/usr/lib/x86_64-linux-gnu");
    let mut list = tool("unshare");
    list.args(["--map-root-user", "--mount", "--", "sh", "-ec", ENTER, "sh"])
        .arg(root)
        .arg(libraries.join("ld-linux-x86-64.so.2"))
        .arg("--library-path")
        .arg(format!("{0}:{0}/systemd", libraries.display()))
        .arg(judge("bootctl/usr/bin/bootctl"))
        .arg(format!("--esp-path={}", root.join("efi").display()))
        .arg(format!("--boot-path={}", root.join("boot").display()))
        .args(["list", "--json=short", "--no-pager"])
        .env("SYSTEMD_RELAX_ESP_CHECKS", "1")
        .env("SYSTEMD_RELAX_XBOOTLDR_CHECKS", "1");
    let output = list.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let entries: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut defaults = entries
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["isDefault"] == true);
    defaults.next().unwrap()["path"].as_str().unwrap().to_owned()
}

#[test]
fn versions_are_in_systemds_order() {
    let mut random = Random::new(0xa_71);
    for _ in 0..150 {
        let mut version = || {
            let parts = ["1", "2", "01", "10", "a", "ab", "~", "^", "-", ".", "_", "rc", "post"];
            let length = 1 + random.below(5);
            (0..length).map(|_| random.pick(&parts)).collect::<String>()
        };
        let (one, other) = (version(), version());
        let order = by_uapi_version(&one, &other);
        let word = match order {
            Ordering::Less => "lt",
            Ordering::Equal => "eq",
            Ordering::Greater => "gt",
        };
        succeed(tool("systemd-analyze").args(["compare-versions", "--", &one, word, &other]));
    }
}
