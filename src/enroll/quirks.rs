//! Firmware that is known to misbehave: a table, matched against what DMI says of the machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Explain, Result};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureType};
use crate::system::{self, Context};
use crate::trust::microsoft;

use super::mode;
use super::plan::Lists;
use super::store::Store;
use super::warnings::{Level, Warning};

/// What is known.
const TABLE: &str = include_str!("quirks.toml");
/// What the owner of the machine adds, in the same form.
const LOCAL: &str = "/etc/bootseal/quirks.toml";
/// Where the kernel shows what DMI says.
const DMI: &str = "/sys/class/dmi/id";
/// Longest value of DMI that is read, in bytes.
const MAX_VALUE: u64 = 4096;

/// The table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    quirk: Vec<Quirk>,
}

/// One way in which some firmware misbehaves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Quirk {
    /// A stable name, `snake_case`.
    pub id: String,
    /// Names below `/sys/class/dmi/id`, and how their values begin.
    #[serde(rename = "match")]
    pub matches: BTreeMap<String, String>,
    /// When it strikes.
    pub when: When,
    /// How bad it is.
    pub level: Level,
    /// What happens.
    pub effect: String,
    /// What to do.
    pub remedy: String,
    /// Where it was reported.
    pub source: String,
}

/// When a quirk strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Whatever is written.
    Always,
    /// db is left without a certificate under which Option ROMs are signed.
    WithoutMicrosoft,
    /// db loses a certificate that the vendor put there.
    WithoutVendor,
}

/// Quirks of this machine that the plan would meet, and what to say about them.
pub(super) fn check(
    context: &Context,
    before: &Lists,
    after: &Lists,
    vendor_db: &SignatureDatabase,
    allowed: bool,
) -> Result<(Vec<Quirk>, Vec<Warning>)> {
    let met: Vec<Quirk> = of_machine(context)?
        .into_iter()
        .filter(|quirk| strikes(quirk.when, before, after, vendor_db))
        .collect();
    let warnings = met.iter().map(|quirk| warning(quirk).unless(allowed)).collect();
    Ok((met, warnings))
}

/// The quirks of this machine, each with whether it strikes with the variables as they are; none if DMI says nothing of
/// the machine.
pub fn present_quirks(context: &Context, store: &Store) -> Result<Option<Vec<(Quirk, bool)>>> {
    if !context.path(DMI).is_dir() {
        return Ok(None);
    }
    let lists = Lists::of(store)?;
    let defaults = mode::vendor_defaults(store)?;
    let vendor_db = defaults.into_iter().find(|default| default.name == VariableName::Db);
    let vendor_db = vendor_db.map(|default| default.content).unwrap_or_default();
    let struck = |quirk: Quirk| {
        let strikes = strikes(quirk.when, &lists, &lists, &vendor_db);
        (quirk, strikes)
    };
    Ok(Some(of_machine(context)?.into_iter().map(struck).collect()))
}

/// What is known of this machine, whether or not it strikes.
fn of_machine(context: &Context) -> Result<Vec<Quirk>> {
    let mut table = parse(TABLE).or_bug(|| "the table of quirks is malformed".to_owned())?;
    if let Some(local) = system::read_if_there(&context.path(LOCAL), MAX_LOCAL)? {
        let text = String::from_utf8_lossy(&local);
        table.extend(parse(&text).or_could_not_run(|| format!("{LOCAL} is malformed"))?);
    }
    table.retain(|quirk| is_of_machine(context, quirk));
    Ok(table)
}

/// Largest table of the owner's that is read, in bytes.
const MAX_LOCAL: u64 = 1 << 20;

fn parse(text: &str) -> std::result::Result<Vec<Quirk>, toml::de::Error> {
    toml::from_str::<Table>(text).map(|table| table.quirk)
}

fn is_of_machine(context: &Context, quirk: &Quirk) -> bool {
    !quirk.matches.is_empty()
        && quirk.matches.iter().all(|(name, beginning)| {
            let path = context.path(DMI).join(name);
            let value = system::read_prefix(&path, Some(MAX_VALUE)).unwrap_or_default();
            let value = String::from_utf8_lossy(&value).trim().to_lowercase();
            !name.contains('/') && value.starts_with(&beginning.to_lowercase())
        })
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

fn warning(quirk: &Quirk) -> Warning {
    let message = format!("known firmware fault {}: {} ({})", quirk.id, quirk.effect, quirk.source);
    let warning = match quirk.level {
        Level::Note => Warning::note("quirk", message),
        Level::Danger => Warning::danger("quirk", message),
        Level::Stop => Warning::stop("quirk", message),
    };
    warning.hint(&quirk.remedy)
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
        let stop = [("thinkpad_needs_microsoft".to_owned(), Level::Stop)];
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
        let danger = [("framework_updates_need_vendor".to_owned(), Level::Danger)];
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
        assert_eq!(met(&context, &own(), &own()), [("mine".to_owned(), Level::Stop)]);
        let (_, warnings) = check(&context, &own(), &own(), &SignatureDatabase::default(), true).unwrap();
        assert_eq!(warnings[0].level, Level::Danger);
        fs::write(&local, quirk.replace("level", "levle")).unwrap();
        let error = check(&context, &own(), &own(), &SignatureDatabase::default(), true).unwrap_err();
        assert_eq!(error.kind().exit_code(), 3);
    }
}
