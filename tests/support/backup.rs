//! A whole ceremony through the command line: keys in two places, a backup under two of three shares.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::ceremony::{PASSPHRASE, private};
use super::{bootseal, succeed};

/// A directory with `ceremony.toml`, `passphrase`, and what the ceremony made: `node`, `offline`, `backup`.
pub struct Whole {
    pub directory: TempDir,
}

/// The specification after its directories.
pub const SHARED: &str = "[keys.db]\nencrypted = false\n[keys.module]\nbits = 2048\nencrypted = false\n[keys.grub]\n\
    bits = 3072\nencrypted = false\n[backup]\ndirectory = \"backup\"\nshares = { needed = 2, of = 3 }\n";

impl Whole {
    /// The specification and the passphrase alone.
    pub fn planned(rest: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let whole = Self { directory };
        let specification = format!("name = \"whole\"\nnode = \"node\"\noffline = \"offline\"\n{rest}");
        fs::write(whole.path("ceremony.toml"), specification).unwrap();
        private(&whole.path("passphrase"), format!("{PASSPHRASE}\n").as_bytes());
        whole
    }

    /// With everything made.
    pub fn made() -> Self {
        let whole = Self::planned(SHARED);
        succeed(&mut whole.run());
        whole
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// `ceremony run`.
    pub fn run(&self) -> Command {
        let mut command = bootseal(["ceremony", "run"]);
        command
            .arg(self.path("ceremony.toml"))
            .arg("--passphrase-file")
            .arg(self.path("passphrase"));
        command
    }

    /// The text of a share, from its page.
    pub fn share(&self, number: u8) -> String {
        let page = fs::read_to_string(self.path(&format!("backup/shares/share-{number}.html"))).unwrap();
        let start = page.find("bs1-").unwrap();
        page[start..].split('<').next().unwrap().to_owned()
    }

    /// The lines of the printed sheet.
    pub fn sheet(&self) -> String {
        let page = fs::read_to_string(self.path("backup/bootseal-sheet.html")).unwrap();
        let blocks = page.split("<pre class=\"lines\">").skip(1);
        let lines: Vec<&str> = blocks.map(|block| block.split('<').next().unwrap()).collect();
        lines.join("\n")
    }

    /// `ceremony drill` with the shares in `shares.txt`.
    pub fn drill(&self, source: &Path) -> Command {
        let mut command = bootseal(["ceremony", "drill", "--keys"]);
        command
            .arg(self.path("node"))
            .arg(source)
            .arg("--shares")
            .arg(self.path("shares.txt"));
        command
    }
}
