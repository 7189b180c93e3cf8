//! Firmware that is known to misbehave: a table, matched against the machine's DMI data.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Explain, Result};
use crate::finding::{Finding, Kind, Level};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureType};
use crate::formats::text::{SettingsError, parse_settings};
use crate::system::{self, Context};
use crate::trust::microsoft;

use super::lists::Lists;
use super::store::Store;
use super::vendor_defaults::vendor_defaults;
use super::warnings::{level_of_word, level_word};

/// A known fault of the firmware.
const QUIRK: Kind = Kind::warning("quirk");

/// The table that is built in.
const TABLE: &str = include_str!("quirks.toml");
/// The table of the machine's owner, in the same format.
const LOCAL: &str = "/etc/bootseal/quirks.toml";
/// The directory in which the kernel shows the values of DMI.
const DMI: &str = "/sys/class/dmi/id";
/// Largest value of DMI that is read, in bytes.
const MAX_VALUE: u64 = 4096;

/// The table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    quirk: Vec<Quirk>,
}

/// A known fault of some firmware.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Quirk {
    /// A stable name, `snake_case`.
    pub id: String,
    /// File names below `/sys/class/dmi/id`, each with the beginning of its value.
    #[serde(rename = "match")]
    pub matches: BTreeMap<String, String>,
    /// The condition under which the fault shows.
    pub when: When,
    /// The level of the warning.
    #[serde(serialize_with = "serialize_level", deserialize_with = "deserialize_level")]
    pub level: Level,
    /// The effect.
    pub effect: String,
    /// The remedy.
    pub remedy: String,
    /// The report of the fault: mostly an address.
    pub source: String,
}

/// The condition under which a fault shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Every write.
    Always,
    /// A db without a certificate under which Option ROMs are signed.
    WithoutMicrosoft,
    /// A db that loses a certificate of the vendor.
    WithoutVendor,
}

/// The faults of this machine that the plan meets, with a warning of each.
pub(super) fn check(
    context: &Context,
    before: &Lists,
    after: &Lists,
    vendor_db: &SignatureDatabase,
    allowed: bool,
) -> Result<(Vec<Quirk>, Vec<Finding>)> {
    let met: Vec<Quirk> = of_machine(context)?
        .into_iter()
        .filter(|quirk| strikes(quirk.when, before, after, vendor_db))
        .collect();
    let warnings = met.iter().map(|quirk| warning(quirk).unless(allowed)).collect();
    Ok((met, warnings))
}

/// The known faults of this machine, each with true if it shows with the present variables; none if DMI does not describe
/// the machine.
pub fn present_quirks(context: &Context, store: &Store) -> Result<Option<Vec<(Quirk, bool)>>> {
    if !context.path(DMI).is_dir() {
        return Ok(None);
    }
    let lists = Lists::read(store)?;
    let defaults = vendor_defaults(store)?;
    let vendor_db = defaults.into_iter().find(|default| default.name == VariableName::Db);
    let vendor_db = vendor_db.map(|default| default.content).unwrap_or_default();
    let struck = |quirk: Quirk| {
        let strikes = strikes(quirk.when, &lists, &lists, &vendor_db);
        (quirk, strikes)
    };
    Ok(Some(of_machine(context)?.into_iter().map(struck).collect()))
}

/// The known faults of this machine, also those that do not show.
fn of_machine(context: &Context) -> Result<Vec<Quirk>> {
    let mut table = parse(TABLE).or_bug(|| "the table of quirks is malformed".to_owned())?;
    if let Some(local) = system::read_ours_if_there(&context.path(LOCAL), MAX_LOCAL)? {
        let text = String::from_utf8_lossy(&local);
        table.extend(parse(&text).or_could_not_run(|| format!("{LOCAL} is malformed"))?);
    }
    let mut known = Vec::new();
    for quirk in table {
        if is_of_machine(context, &quirk)? {
            known.push(quirk);
        }
    }
    Ok(known)
}

/// Largest table of the machine's owner that is read, in bytes.
const MAX_LOCAL: u64 = 1 << 20;

fn parse(text: &str) -> std::result::Result<Vec<Quirk>, SettingsError> {
    parse_settings::<Table>(text).map(|table| table.quirk)
}

/// True if all values of DMI that a fault names are those of this machine.
fn is_of_machine(context: &Context, quirk: &Quirk) -> Result<bool> {
    for (name, beginning) in &quirk.matches {
        // A name with a slash would lead out of the directory.
        let value = if name.contains('/') {
            None
        } else {
            system::read_if_there(&context.path(DMI).join(name), MAX_VALUE)?
        };
        let is_same = value.is_some_and(|value| {
            let value = String::from_utf8_lossy(&value).trim().to_lowercase();
            value.starts_with(&beginning.to_lowercase())
        });
        if !is_same {
            return Ok(false);
        }
    }
    Ok(!quirk.matches.is_empty())
}

fn strikes(when: When, before: &Lists, after: &Lists, vendor_db: &SignatureDatabase) -> bool {
    match when {
        When::Always => true,
        When::WithoutMicrosoft => !after
            .db
            .certificates()
            .any(|(_, der)| microsoft::find(der).is_some_and(|known| known.option_roms)),
        When::WithoutVendor => [&before.db, vendor_db]
            .into_iter()
            .flat_map(SignatureDatabase::certificates)
            .any(|(_, der)| microsoft::find(der).is_none() && !after.db.contains(SignatureType::X509, der)),
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it so
fn serialize_level<S: Serializer>(level: &Level, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(level_word(*level))
}

fn deserialize_level<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Level, D::Error> {
    let word = String::deserialize(deserializer)?;
    level_of_word(&word)
        .ok_or_else(|| D::Error::custom(format!("level \"{word}\" is none of \"note\", \"danger\" and \"stop\"")))
}

fn warning(quirk: &Quirk) -> Finding {
    let message = format!("known firmware fault {}: {} ({})", quirk.id, quirk.effect, quirk.source);
    Finding::new(QUIRK, &quirk.id, message)
        .at(quirk.level)
        .remedy(&quirk.remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::identities::{DB, STRANGER, database};
    use std::fs;

    fn machine(values: &[(&str, &str)]) -> (tempfile::TempDir, Context) {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        let dmi = context.path(DMI);
        fs::create_dir_all(&dmi).unwrap();
        for (name, value) in values {
            fs::write(dmi.join(name), format!("{value}\n")).unwrap();
        }
        (root, context)
    }

    fn own() -> Lists {
        Lists {
            db: database(&[&DB]),
            ..Lists::default()
        }
    }

    fn met(context: &Context, before: &Lists, after: &Lists) -> Vec<(String, Level)> {
        let (quirks, warnings) = check(context, before, after, &SignatureDatabase::default(), false).unwrap();
        let ids = quirks.into_iter().map(|quirk| quirk.id);
        ids.zip(warnings.into_iter().map(|warning| warning.level)).collect()
    }

    #[test]
    fn the_table_is_well_formed_and_names_what_the_kernel_shows() {
        let table = parse(TABLE).unwrap();
        assert!(!table.is_empty());
        let shown = [
            "board_vendor",
            "board_name",
            "bios_vendor",
            "bios_version",
            "sys_vendor",
            "product_name",
            "product_family",
        ];
        for quirk in table {
            assert!(!quirk.matches.is_empty(), "{}", quirk.id);
            for name in quirk.matches.keys() {
                assert!(shown.contains(&name.as_str()), "{}: {name}", quirk.id);
            }
        }
    }

    #[test]
    fn only_the_machine_that_is_meant_is_stopped_and_only_when_it_matters() {
        let (_root, thinkpad) = machine(&[("sys_vendor", "LENOVO"), ("product_family", "ThinkPad T14 Gen 3")]);
        let stop = [("thinkpad_needs_microsoft".to_owned(), Level::Error)];
        assert_eq!(met(&thinkpad, &own(), &own()), stop);
        let mut with_microsoft = own();
        for known in microsoft::CERTIFICATES.iter().filter(|known| known.option_roms) {
            with_microsoft
                .db
                .add_certificate(crate::formats::firmware::guid::Guid::MICROSOFT, known.der);
        }
        assert_eq!(met(&thinkpad, &own(), &with_microsoft), []);
        let (_root, other) = machine(&[("sys_vendor", "LENOVO"), ("product_family", "IdeaPad")]);
        assert_eq!(met(&other, &own(), &own()), []);
        let (_root, nothing) = machine(&[]);
        assert_eq!(met(&nothing, &own(), &own()), []);
    }

    #[test]
    fn the_loss_of_a_vendors_certificate_is_noticed() {
        let (_root, framework) = machine(&[("sys_vendor", "Framework")]);
        let vendor = Lists {
            db: database(&[&STRANGER]),
            ..Lists::default()
        };
        let danger = [("framework_updates_need_vendor".to_owned(), Level::Warning)];
        assert_eq!(met(&framework, &vendor, &own()), danger);
        assert_eq!(met(&framework, &own(), &own()), []);
    }

    #[test]
    fn the_owner_of_a_machine_adds_to_the_table() {
        let (_root, context) = machine(&[("board_name", "X570")]);
        let local = context.path(LOCAL);
        fs::create_dir_all(local.parent().unwrap()).unwrap();
        let quirk = "[[quirk]]\nid = \"mine\"\nmatch = { board_name = \"x570\" }\nwhen = \"always\"\nlevel = \"stop\"\n\
                     effect = \"e\"\nremedy = \"r\"\nsource = \"s\"\n";
        fs::write(&local, quirk).unwrap();
        assert_eq!(met(&context, &own(), &own()), [("mine".to_owned(), Level::Error)]);
        let (_, warnings) = check(&context, &own(), &own(), &SignatureDatabase::default(), true).unwrap();
        assert_eq!(warnings[0].level, Level::Warning);
        fs::write(&local, quirk.replace("level", "levle")).unwrap();
        let error = check(&context, &own(), &own(), &SignatureDatabase::default(), true).unwrap_err();
        assert_eq!(error.kind().exit_code(), 3);
    }
}
