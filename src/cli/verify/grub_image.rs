//! The report of `verify` on a GRUB core image.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::formats::grub::core_image::Switch;
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::text::printable;
use crate::trust::grub_image::{GrubImage, VERIFIERS};

const fn set(switch: Switch) -> Option<bool> {
    match switch {
        Switch::Set => Some(true),
        Switch::Unset => Some(false),
        Switch::Unknown => None,
    }
}

pub(super) fn to_json(image: &GrubImage) -> Value {
    let problems: Vec<Value> = image
        .problems
        .iter()
        .map(|problem| json!({ "problem": problem.kind.name(), "reason": problem.text }))
        .collect();
    json!({
        "version": image.version,
        "prefix": image.prefix,
        "modules": image.modules,
        "keys": image.keys.iter().map(|key| key.fingerprint().to_lowercase()).collect::<Vec<_>>(),
        "shim_lock_disabled": set(image.shim_lock_disabled),
        "cli_disabled": set(image.cli_disabled),
        "configuration": image.configuration,
        "problems": problems,
    })
}

pub(super) fn human(image: &GrubImage, out: &mut dyn Write) -> io::Result<()> {
    let or_none = |text: Option<&str>| text.map_or_else(|| "not said".to_owned(), printable);
    let is = |switch| match switch {
        Switch::Set => "disabled",
        Switch::Unset => "enabled",
        Switch::Unknown => "unknown: the image does not say which version it is",
    };
    let keys: Vec<String> = image.keys.iter().map(GrubKey::fingerprint).collect();
    let keys = if keys.is_empty() {
        "none".to_owned()
    } else {
        keys.join(", ")
    };
    let (there, missing): (Vec<&str>, Vec<&str>) = VERIFIERS
        .into_iter()
        .partition(|name| image.modules.iter().any(|module| module == name));
    let mut verifiers = there.join(", ");
    if !missing.is_empty() {
        verifiers = format!("{verifiers} (missing: {})", missing.join(", "));
    }
    for (name, value) in [
        ("version", or_none(image.version.as_deref())),
        ("prefix", or_none(image.prefix.as_deref())),
        ("keys", keys),
        ("verifies with", verifiers.trim_start().to_owned()),
        ("shim lock", is(image.shim_lock_disabled).to_owned()),
        ("command line", is(image.cli_disabled).to_owned()),
        (
            "modules",
            format!("{}: {}", image.modules.len(), printable(&image.modules.join(" "))),
        ),
    ] {
        writeln!(out, "    {name:14} {value}")?;
    }
    for line in image.configuration.iter().flat_map(|text| text.lines()) {
        writeln!(out, "    | {}", printable(line))?;
    }
    Ok(())
}
