//! The specification file, `ceremony.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use crate::error::{Error, Explain, Result};
use crate::formats::firmware::guid::Guid;
use crate::formats::text::Shown;
use crate::keys::KeyName;
use crate::system;
use crate::trust::microsoft::Selection;

use super::machine_check::MachineCheck;
use super::shares::Shares;
use super::specification::{Backup, KeySpec, Place, Revocations, Spec, TokenPlace, Waiver};

/// Largest specification that is read, in bytes.
const MAX_FILE: u64 = 64 << 10;
/// Likeness from which on a known name is suggested for an unknown one, from 0 to 1.
const ALIKE: f64 = 0.75;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    node: PathBuf,
    offline: Option<PathBuf>,
    work: Option<PathBuf>,
    owner: Option<String>,
    import: Option<PathBuf>,
    grub_key: Option<PathBuf>,
    years: Option<u16>,
    microsoft: Option<Vec<String>>,
    dbx: Option<Dbx>,
    #[serde(default)]
    keys: BTreeMap<String, Key>,
    backup: Option<BackupTable>,
    drill: Option<Drill>,
    #[serde(default)]
    preflight: Preflight,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Dbx {
    Microsoft,
    None,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    #[serde(rename = "type")]
    kind: Option<String>,
    bits: Option<u32>,
    years: Option<u16>,
    place: Option<String>,
    encrypted: Option<bool>,
    token: Option<Token>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Token {
    Generate,
    Import,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupTable {
    directory: PathBuf,
    shares: Option<SharesTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SharesTable {
    needed: u8,
    of: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Drill {
    waived_by: String,
    reason: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Preflight {
    #[serde(default)]
    fatal: BTreeSet<String>,
    program: Option<String>,
}

/// The names in each table, to suggest one for a misspelt name. `keys.*` stands for each of the keys.
const KNOWN: [(&str, &[&str]); 6] = [
    (
        "",
        &[
            "name",
            "node",
            "offline",
            "work",
            "owner",
            "import",
            "grub_key",
            "years",
            "microsoft",
            "dbx",
            "keys",
            "backup",
            "drill",
            "preflight",
        ],
    ),
    ("keys.*", &["type", "bits", "years", "place", "encrypted", "token"]),
    ("backup", &["directory", "shares"]),
    ("backup.shares", &["needed", "of"]),
    ("drill", &["waived_by", "reason"]),
    ("preflight", &["fatal", "program"]),
];

impl Spec {
    /// Reads a specification file, as `keys.example/ceremony.toml` shows it. Unknown keys are errors.
    pub fn load(path: &Path) -> Result<Self> {
        load(path)
    }
}

fn load(path: &Path) -> Result<Spec> {
    let bytes = system::read_ours(path, MAX_FILE)?;
    let cannot = || format!("cannot use the specification {}", path.shown());
    let text = std::str::from_utf8(&bytes).or_usage(cannot)?;
    let read = |error: toml::de::Error| {
        let meant = text.parse::<Table>().ok().and_then(|table| misspelt(&table, "", ""));
        let failed = Error::usage(cannot()).caused_by(error);
        match meant {
            Some(hint) => failed.hint(hint),
            None => failed,
        }
    };
    let file: File = toml::from_str(text).map_err(read)?;
    let base = path.parent().unwrap_or(Path::new(""));
    build(file, base).or_usage(cannot)
}

/// A suggestion for the first unknown name of a table; `None` if all are known.
fn misspelt(table: &Table, path: &str, pattern: &str) -> Option<String> {
    let (_, known) = KNOWN.iter().find(|(name, _)| *name == pattern)?;
    for (key, value) in table {
        let names: Vec<&str> = if pattern == "keys" {
            KeyName::ALL.map(KeyName::name).into()
        } else {
            known.to_vec()
        };
        if !names.contains(&key.as_str()) {
            let place = if path.is_empty() {
                String::new()
            } else {
                format!(" in [{path}]")
            };
            return match closest(key, &names) {
                Some(name) => Some(format!("did you mean \"{name}\" for \"{key}\"{place}?")),
                None => Some(format!("\"{key}\"{place} is none of {}", names.join(", "))),
            };
        }
        let below = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        let found = match value {
            Value::Table(inner) if below == "keys" => inner.iter().find_map(|(name, value)| {
                value
                    .as_table()
                    .and_then(|table| misspelt(table, &format!("keys.{name}"), "keys.*"))
            }),
            Value::Table(inner) => misspelt(inner, &below, &below),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The name that a word is most like, if any is like enough.
fn closest<'a>(word: &str, names: &[&'a str]) -> Option<&'a str> {
    let likeness = |name: &str| strsim::jaro_winkler(&word.to_lowercase(), &name.to_lowercase());
    let best = names
        .iter()
        .copied()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= ALIKE).then_some(best)
}

fn build(file: File, base: &Path) -> Result<Spec> {
    let mut spec = Spec::new(file.name, base.join(file.node));
    if let Some(years) = file.years {
        spec = spec.with_years(years);
    }
    spec.offline = file.offline.map(|path| base.join(path));
    spec.work = file.work.map(|path| base.join(path));
    spec.import = file.import.map(|path| base.join(path));
    spec.grub_key = file.grub_key.map(|path| base.join(path));
    spec.owner = file
        .owner
        .map(|text| text.parse::<Guid>())
        .transpose()
        .or_usage(|| "owner is no GUID".to_owned())?;
    if let Some(names) = file.microsoft {
        spec.microsoft = if names.is_empty() {
            Selection::none()
        } else {
            Selection::parse(&names.join(","))?
        };
    }
    spec.dbx = match file.dbx {
        None | Some(Dbx::Microsoft) => Revocations::Microsoft,
        Some(Dbx::None) => Revocations::None,
    };
    // These two belong on no node unless the specification says so.
    for name in [KeyName::Pk, KeyName::Kek] {
        spec.key_mut(name).place = Place::Offline;
    }
    for (name, key) in file.keys {
        let name: KeyName = name.parse().map_err(|error| {
            let failed = Error::usage("unknown table in [keys]").caused_by(error);
            match closest(&name, &KeyName::ALL.map(KeyName::name)) {
                Some(meant) => failed.hint(format!("did you mean [keys.{meant}]?")),
                None => failed,
            }
        })?;
        apply(spec.key_mut(name), name, &key)?;
    }
    spec.backup = file.backup.map(|table| Backup {
        directory: base.join(table.directory),
        shares: table.shares.map(|SharesTable { needed, of }| Shares { needed, of }),
    });
    spec.waiver = file.drill.map(|Drill { waived_by: by, reason }| Waiver { by, reason });
    for word in file.preflight.fatal {
        let known = MachineCheck::ALL.map(MachineCheck::name);
        let check = MachineCheck::ALL.into_iter().find(|check| check.name() == word);
        let unknown = || {
            let failed = Error::usage(format!("preflight.fatal names \"{word}\", which is no check"));
            suggest(failed, &word, &known)
        };
        spec.fatal.insert(check.ok_or_else(unknown)?);
    }
    if let Some(program) = file.preflight.program {
        let program = program.to_lowercase();
        if hex::decode(&program).map(|bytes| bytes.len()) != Ok(32) {
            return Err(Error::usage(
                "preflight.program is no SHA-256: it has 64 hexadecimal digits",
            ));
        }
        spec.program = Some(program);
        spec.fatal.insert(MachineCheck::Program);
    }
    Ok(spec)
}

/// Adds the known name that a word is most like as a hint, or all names.
fn suggest(error: Error, word: &str, known: &[&str]) -> Error {
    error.hint(match closest(word, known) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("choose among {}", known.join(", ")),
    })
}

fn apply(spec: &mut KeySpec, name: KeyName, key: &Key) -> Result<()> {
    if key.kind.as_deref().is_some_and(|kind| kind != "rsa") {
        return Err(
            Error::usage(format!("[keys.{name}] asks for another type than \"rsa\""))
                .hint("firmware and GRUB read RSA alone, and one type serves them all"),
        );
    }
    spec.bits = key.bits.unwrap_or(spec.bits);
    spec.years = key.years.unwrap_or(spec.years);
    spec.encrypted = key.encrypted.unwrap_or(spec.encrypted);
    match key.place.as_deref() {
        None => {}
        Some("node") => spec.place = Place::Node,
        Some("offline") => spec.place = Place::Offline,
        Some(uri) if uri.starts_with("pkcs11:") => {
            let parsed = uri
                .parse()
                .or_usage(|| format!("the place of [keys.{name}] is no PKCS#11 URI"))?;
            let import = key.token == Some(Token::Import);
            let uri = uri.to_owned();
            spec.place = Place::Token(Box::new(TokenPlace { uri, parsed, import }));
        }
        Some(other) => {
            return Err(Error::usage(format!("[keys.{name}] has the place \"{other}\""))
                .hint("a key goes to \"node\", \"offline\", or a token: \"pkcs11:token=NAME;object=NAME\""));
        }
    }
    let on_token = matches!(spec.place, Place::Token(_));
    if key.token.is_some() && !on_token {
        return Err(Error::usage(format!(
            "[keys.{name}] says how its token gets it, but its place is no token"
        )));
    }
    if key.encrypted.is_some() && on_token {
        return Err(Error::usage(format!(
            "[keys.{name}] cannot say \"encrypted\": its token decides how the key rests"
        )));
    }
    Ok(())
}
