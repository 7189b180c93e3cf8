//! The report on the next package.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::text::name;
use crate::formats::text::{Shown, printable};
use crate::hook::{GRUB_PACKAGE, Modules, Packages};
use crate::ui::Style;

/// The forecast as JSON has it.
pub(super) fn json(packages: &Packages) -> Value {
    let modules = packages.modules.iter().map(|modules| {
        json!({
            "release": modules.release,
            "hash": modules.signed.as_ref().ok().map(|hash| hash.name()),
            "left_alone": modules.signed.as_ref().err(),
        })
    });
    let shown = |paths: &[PathBuf]| paths.iter().map(|path| path.shown()).collect::<Vec<_>>();
    json!({
        "script": packages.script.as_ref().map(|path| path.shown()),
        "modules": modules.collect::<Vec<_>>(),
        "files": packages.files.as_ref().ok().map(|files| shown(files)),
        "files_error": packages.files.as_ref().err(),
        "grub_image": packages.image.as_ref().ok().and_then(Option::as_ref).map(|path| path.shown()),
        "grub_image_error": packages.image.as_ref().err(),
    })
}

/// Writes the forecast: a line for the modules of each kernel, for files that firmware or GRUB read, and for GRUB's own package.
pub(super) fn human(packages: &Packages, out: &mut dyn Write, style: Style) -> io::Result<()> {
    writeln!(out, "\nThe next package (Portage):")?;
    let Some(script) = &packages.script else {
        return writeln!(out, "  {} nothing that it brings is signed", style.cross());
    };
    writeln!(out, "  {} {}", style.tick(), style.good(&name(script)))?;
    for Modules { release, signed } in &packages.modules {
        let release = printable(release);
        match signed {
            Ok(hash) => writeln!(out, "    its modules for Linux {release}: signed over {}", hash.name())?,
            Err(reason) => writeln!(
                out,
                "  {} its modules for Linux {release}: left as they are, since it would refuse our signature: {}",
                style.cross(),
                printable(reason)
            )?,
        }
    }
    match &packages.files {
        Ok(files) if files.is_empty() => {}
        Ok(files) => writeln!(out, "    its files for firmware and GRUB: signed in {}", places(files))?,
        Err(reason) => writeln!(
            out,
            "  {} its files for firmware and GRUB: not signed: {}",
            style.cross(),
            printable(reason)
        )?,
    }
    match &packages.image {
        Ok(None) => Ok(()),
        Ok(Some(image)) => writeln!(
            out,
            "    {GRUB_PACKAGE}: bootseal grub install makes another image for {}",
            name(image)
        ),
        Err(reason) => writeln!(
            out,
            "  {} {GRUB_PACKAGE}: its image stays as it is: {}",
            style.cross(),
            printable(reason)
        ),
    }
}

/// The directories with files that are signed, each once.
fn places(files: &[PathBuf]) -> String {
    let directory = |path: &PathBuf| {
        if path.is_dir() {
            return path.clone();
        }
        path.parent().map_or_else(|| path.clone(), Path::to_path_buf)
    };
    let places: BTreeSet<PathBuf> = files.iter().map(directory).collect();
    let places: Vec<String> = places.iter().map(|path| name(path)).collect();
    places.join(", ")
}
