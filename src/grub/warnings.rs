//! Warnings before the machine is started by an image that was just built.

use std::path::{Path, PathBuf};

use crate::error::{Explain, Result, quoted};
use crate::finding::{Finding, Kind};
use crate::formats::firmware::authenticode::Image;
use crate::formats::grub::core_image::Switch;
use crate::formats::text::Shown;
use crate::sign::grub::existing_signature;
use crate::trust::{self, Anchors, image::Policy};

use super::build::Built;
use super::menu::Menu;
use super::place::Place;

/// Shim, which is to start the image, is not in its place.
const NO_SHIM: Kind = Kind::warning("no_shim");
/// The key directory's own db and dbx do not let firmware start the image.
const IMAGE_REFUSED: Kind = Kind::warning("image_refused");
/// The image would not open the menu.
const MENU_REFUSED: Kind = Kind::warning("menu_refused");
/// Entries of the menu want a superuser.
const ENTRIES_LOCKED: Kind = Kind::warning("entries_locked");

/// The remedy for entries that want a superuser.
pub const UNRESTRICT: &str = "to let anybody start them, put --unrestricted into CLASS in /etc/grub.d/10_linux, and \
                              GRUB_DISABLE_SUBMENU=true into /etc/default/grub, since no class opens a submenu; make grub.cfg anew, and \
                              sign it";

/// The warning that shim, which is to start the image, is not in its place; none if it is.
pub fn missing_shim(place: &Place) -> Result<Option<Finding>> {
    let shim = place.shim();
    if shim.exists() {
        return Ok(None);
    }
    let (shown, loader) = (quoted(&shim), place.device_path(&shim)?);
    let path = shim.shown();
    let text = format!("there is no {path}, which is to start the image");
    Ok(Some(Finding::new(NO_SHIM, path, text).remedies([
        format!("cp /usr/lib/shim/shimx64.efi {shown}"),
        format!("bootseal sign efi {shown}"),
        format!(
            "an entry of the firmware for it: efibootmgr --create --disk DISK --part NUMBER --label {} --loader '{loader}'",
            place.name
        ),
    ])))
}

/// The reasons for which the image, once it is started, would start nothing.
pub fn warnings(anchors: &Anchors, built: &Built, menu: Option<&(PathBuf, Vec<u8>)>) -> Result<Vec<Finding>> {
    let mut warnings = Vec::new();
    let image = Image::parse(&built.bytes).or_bug(|| "the signed image is malformed".to_owned())?;
    if let Err(refusal) = Policy::new(&anchors.db, &anchors.dbx).judge(&image) {
        let text = format!("firmware with the db and dbx of these keys would not start the image: {refusal}");
        warnings.push(Finding::new(IMAGE_REFUSED, "GRUB image", text));
    }
    let Some((path, bytes)) = menu else {
        return Ok(warnings);
    };
    let subject = path.shown();
    let signature = existing_signature(path)?;
    if let Err(refusal) = trust::grub::judge(bytes, signature.as_deref(), &anchors.grub) {
        let directory = quoted(path.parent().unwrap_or(Path::new("/")));
        let text = format!("the image would refuse {subject}: {refusal}");
        let remedy = format!("before the next start: bootseal sign grub {directory}");
        warnings.push(Finding::new(MENU_REFUSED, &subject, text).remedy(remedy));
    }
    warnings.extend(locked_entries(&subject, &Menu::parse(bytes), built.image.cli_disabled));
    Ok(warnings)
}

/// The warning that entries of a menu want a password, which GRUB asks nobody for without a command line; none if every
/// entry starts without one.
fn locked_entries(path: &str, menu: &Menu, cli_disabled: Switch) -> Option<Finding> {
    let locked = menu.locked();
    let first = locked.first()?;
    let consequence = match cli_disabled {
        Switch::Set => "cannot be started by anybody, since there is a superuser and no command line",
        Switch::Unset | Switch::Unknown => "want a password before they start, since there is a superuser",
    };
    let text = format!(
        "{} entries of {path}, \"{first}\" the first, {consequence}",
        locked.len()
    );
    Some(Finding::new(ENTRIES_LOCKED, path, text).remedy(UNRESTRICT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Architecture;

    #[test]
    fn shim_is_missed_until_it_is_there() {
        let esp = tempfile::tempdir().unwrap();
        let place = Place {
            esp: esp.path().to_path_buf(),
            name: "bootseal".to_owned(),
            architecture: Architecture::own().unwrap(),
            fallback: false,
        };
        let shim = place.shim();
        std::fs::create_dir_all(shim.parent().unwrap()).unwrap();
        let missing = missing_shim(&place).unwrap().unwrap();
        assert_eq!((missing.kind, missing.subject), (NO_SHIM, shim.display().to_string()));
        assert!(
            missing.remedies[2].contains("--loader '\\EFI\\bootseal\\shim"),
            "{:?}",
            missing.remedies
        );
        std::fs::write(&shim, "shim").unwrap();
        assert_eq!(missing_shim(&place).unwrap(), None);
    }

    #[test]
    fn entries_that_want_a_password_are_told_of_and_free_ones_are_not() {
        let menu = |class: &str| Menu::parse(format!("menuentry 'Linux' {class} {{\nlinux /vmlinuz\n}}\n").as_bytes());
        let found = |class: &str, switch| locked_entries("/grub.cfg", &menu(class), switch);
        assert_eq!(found("--unrestricted", Switch::Set), None);
        for (switch, consequence) in [
            (Switch::Set, "cannot be started by anybody"),
            (Switch::Unset, "want a password"),
            (Switch::Unknown, "want a password"),
        ] {
            let finding = found("", switch).unwrap();
            assert_eq!((finding.kind, finding.subject.as_str()), (ENTRIES_LOCKED, "/grub.cfg"));
            assert!(
                finding.text.contains(consequence) && finding.text.contains("\"Linux\""),
                "{}",
                finding.text
            );
            assert!(finding.remedies[0].contains("--unrestricted"));
        }
        // As grub-mkconfig makes it: whoever may not open the submenu never comes to the former kernels.
        let nested = |submenu: &str| {
            let text = format!(
                "c='--class x --unrestricted'\nmenuentry 'Linux' $c {{\nlinux /a\n}}\n\
                 submenu 'Advanced options' {submenu} {{\nmenuentry 'Linux 6' $c {{\nlinux /b\n}}\n}}\n"
            );
            locked_entries("/grub.cfg", &Menu::parse(text.as_bytes()), Switch::Set)
        };
        assert_eq!(nested("--unrestricted"), None);
        let finding = nested("").unwrap();
        assert!(
            finding.text.starts_with("1 entries of /grub.cfg, \"Linux 6\""),
            "{}",
            finding.text
        );
        assert!(finding.remedies[0].contains("GRUB_DISABLE_SUBMENU=true"));
    }
}
