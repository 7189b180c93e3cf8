//! The specification file, `ceremony.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::firmware::guid::Guid;
use crate::formats::text::{Shown, closest, parse_settings};
use crate::keys::KeyName;
use crate::system;
use crate::trust::microsoft::Selection;

use super::machine_check::MachineCheck;
use super::parts::{Backup, FleetSpec, KeySpec, Place, Revocations, TokenPlace, Waiver};
use super::shares::Shares;
use super::specification::Spec;

/// Largest specification that is read, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// The line that keeps a ceremony from being held with half of the answers.
pub(super) const UNFINISHED: &str = "unfinished = true";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// True while somebody writes it.
    #[serde(default)]
    unfinished: bool,
    name: String,
    node: Option<NodeField>,
    fleet: Option<FleetTable>,
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

/// The key directory for the nodes, or the nodes of a fleet.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "node is the path of a directory, or in a fleet [[node]] with a name"
)]
enum NodeField {
    Directory(PathBuf),
    Nodes(Vec<NodeTable>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeTable {
    name: String,
    #[serde(default)]
    keys: BTreeMap<String, Key>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FleetTable {
    bundles: PathBuf,
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
    let file: File = parse_settings(text).map_err(|error| Error::usage(cannot()).misread(error))?;
    if file.unfinished {
        let again = format!(
            "at a terminal, this asks for the rest: bootseal ceremony run {}",
            quoted(path)
        );
        let unfinished = Error::usage(format!("the specification {} is unfinished", path.shown()));
        return Err(unfinished
            .hint(again)
            .hint(format!("or write the rest, and take out the line {UNFINISHED}")));
    }
    let base = path.parent().unwrap_or(Path::new(""));
    build(file, base).or_usage(cannot)
}

/// Reads the text of a specification whose paths are relative to `base`.
pub(super) fn parse(text: &str, base: &Path) -> Result<Spec> {
    let cannot = "this is no specification";
    let file: File = parse_settings(text).map_err(|error| Error::usage(cannot).misread(error))?;
    build(file, base)
}

fn build(file: File, base: &Path) -> Result<Spec> {
    let (out, nodes) = match (file.node, &file.fleet) {
        (Some(NodeField::Directory(path)), None) => (path, Vec::new()),
        (Some(NodeField::Nodes(nodes)), Some(fleet)) => (fleet.bundles.clone(), nodes),
        (None, Some(fleet)) => (fleet.bundles.clone(), Vec::new()),
        (None, None) => return Err(Error::usage("missing field `node`")),
        (Some(NodeField::Directory(_)), Some(_)) => {
            return Err(
                Error::usage("node names a directory, and the nodes of a fleet come as bundles")
                    .hint("take the line out, and name each node: [[node]] with name = \"HOST-NAME\""),
            );
        }
        (Some(NodeField::Nodes(_)), None) => {
            return Err(Error::usage("[[node]] is for a fleet, and there is no [fleet]")
                .hint("add [fleet] with bundles = \"/mnt/stick/bundles\""));
        }
    };
    let mut spec = Spec::new(file.name, base.join(out));
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
    apply_all(&mut spec.keys, file.keys)?;
    if file.fleet.is_some() {
        let mut named = Vec::new();
        for NodeTable { name, keys } in nodes {
            let mut node = spec.node(name.parse()?);
            apply_all(&mut node.keys, keys).or_usage(|| format!("node \"{name}\""))?;
            named.push(node);
        }
        let key = spec.keys.remove(&KeyName::Fleet);
        spec.fleet = Some(FleetSpec::new(spec.out.clone(), key, named));
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

fn apply_all(specs: &mut BTreeMap<KeyName, KeySpec>, keys: BTreeMap<String, Key>) -> Result<()> {
    for (name, key) in keys {
        let name: KeyName = name.parse().or_usage(|| "unknown table in [keys]".to_owned())?;
        apply(specs.entry(name).or_insert_with(|| KeySpec::usual(name)), name, &key)?;
    }
    Ok(())
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
