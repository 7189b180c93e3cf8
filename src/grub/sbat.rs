//! The SBAT lines of an image, which state the closed vulnerabilities of GRUB. Only the maker of a GRUB knows them.

use std::path::{Path, PathBuf};

use crate::error::{Explain, Result};
use crate::finding::{Finding, Kind};
use crate::formats::firmware::authenticode::Image;
use crate::formats::firmware::sbat::Sbat;
use crate::formats::text::Shown;
use crate::system::{self, Context};

use super::toolchain::Toolchain;

/// The file in which Gentoo's GRUB keeps its lines.
const LINES: &str = "/usr/share/grub/sbat.csv";
/// Largest such file that is read, in bytes.
const MAX_LINES: u64 = 64 << 10;
/// Largest image of a distribution that is read, in bytes.
const MAX_IMAGE: u64 = 64 << 20;
/// The component of GRUB itself; that of a vendor's GRUB is `grub.VENDOR`.
const GRUB: &str = "grub";
/// A present shim refuses the generations of the image.
const SBAT_TOO_OLD: Kind = Kind::warning("sbat_too_old");
/// The generations that shim 16.1 requires unless an earlier shim has required more: its section `.sbatlevel`.
const PRESENT_SHIM: (&str, &[u8]) = ("16.1", b"sbat,1,2025021800\nshim,4\ngrub,5\n");

/// The lines and their source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    /// The lines as they go into the image.
    pub bytes: Vec<u8>,
    /// The file that they are from; none for those of upstream's release.
    pub source: Option<PathBuf>,
}

impl Lines {
    /// The lines of the given file; else those of the distribution for exactly this GRUB, from a file or from the images
    /// that the distribution builds; else upstream's, which include no fix that a distribution added.
    pub(super) fn find(context: &Context, toolchain: &Toolchain, given: Option<&Path>) -> Result<Self> {
        if let Some(path) = given {
            let bytes = system::read(path)?;
            Sbat::parse(&bytes).or_refuse(|| format!("{} holds no SBAT lines", path.shown()))?;
            return Ok(Self::from_file(bytes, path));
        }
        let path = context.path(LINES);
        if let Some(bytes) = system::read_if_there(&path, MAX_LINES)? {
            let lines = Sbat::parse(&bytes).or_refuse(|| format!("{} holds no SBAT lines", path.shown()))?;
            if are_of(&lines, &toolchain.version) {
                return Ok(Self::from_file(bytes, &path));
            }
        }
        for path in distribution_images(toolchain)? {
            let Some(bytes) = system::read_if_there(&path, MAX_IMAGE)? else {
                continue;
            };
            // An image that cannot be read has no lines to offer.
            let Ok(image) = Image::parse(&bytes) else { continue };
            let Some(section) = image.section(".sbat") else {
                continue;
            };
            if Sbat::parse(section).is_ok_and(|lines| are_of(&lines, &toolchain.version)) {
                let text = section.split(|byte| *byte == 0).next().unwrap_or_default();
                return Ok(Self::from_file(text.to_vec(), &path));
            }
        }
        Ok(Self {
            bytes: upstream(toolchain)?.into_bytes(),
            source: None,
        })
    }

    fn from_file(bytes: Vec<u8>, path: &Path) -> Self {
        Self {
            bytes,
            source: Some(path.to_path_buf()),
        }
    }

    /// The warning that a present shim refuses an image with these lines; none if it starts it.
    pub fn refused_by_shim(&self) -> Result<Option<Finding>> {
        let (version, levels) = PRESENT_SHIM;
        let parse = |bytes| Sbat::parse(bytes).or_bug(|| "SBAT lines that were checked are malformed".to_owned());
        let (lines, levels) = (parse(&self.bytes)?, parse(levels)?);
        let below: Vec<String> = lines
            .components_below(&levels)
            .map(|(component, level)| format!("{} {} and not {level}", component.name, component.generation))
            .collect();
        let source = self.source.as_ref().map_or_else(
            || "upstream's release, as no file of the distribution states more".to_owned(),
            |path| path.shown(),
        );
        if below.is_empty() {
            return Ok(None);
        }
        let text = format!(
            "shim {version} and newer refuse the image: its SBAT says {} (by {source})",
            below.join(", ")
        );
        Ok(Some(Finding::new(SBAT_TOO_OLD, ".sbat", text).remedies([
            "update GRUB",
            "if its maker has closed the vulnerabilities in this one and says so, name the maker's lines: --sbat FILE",
        ])))
    }
}

/// The images in Debian's packages: the built one and the signed one.
fn distribution_images(toolchain: &Toolchain) -> Result<[PathBuf; 2]> {
    let name = toolchain.architecture()?.loader("grub", "");
    let signed = format!("{}-signed", toolchain.format()?);
    Ok([
        toolchain.modules.join("monolithic").join(&name),
        toolchain.modules.with_file_name(signed).join(format!("{name}.signed")),
    ])
}

/// True if lines are about exactly this version: another may have more vulnerabilities. Where there is a vendor's line, it
/// states the revision too.
fn are_of(lines: &Sbat, version: &str) -> bool {
    let is_same = |name: &str, own: &str| {
        let rest = own.strip_prefix(version);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-')) || (name == GRUB && own == release(version))
    };
    let vendors = format!("{GRUB}.");
    let about_grub = |name: &str| name == GRUB || name.starts_with(&vendors);
    lines.component(GRUB).is_some()
        && lines
            .components()
            .iter()
            .filter(|component| about_grub(&component.name))
            .all(|component| is_same(&component.name, &component.version))
}

/// The version of upstream's release, without the suffix of a distribution.
fn release(version: &str) -> &str {
    let is_suffix = |c: char| !c.is_ascii_digit() && c != '.';
    version.split_once(is_suffix).map_or(version, |(release, _)| release)
}

/// The lines with the generation that a release had when it came out (shim's `SbatLevel_Variable.txt`): 2.06 is older than
/// the fixes of 2022, 2.12 has those of 2023, 2.14 those of 2025.
fn upstream(toolchain: &Toolchain) -> Result<String> {
    let version = &toolchain.version;
    let generation = match toolchain.numbers()? {
        (2, ..=11) => 1,
        // The release candidates came before the last fixes.
        (2, 12) if version.contains("rc") => 3,
        (2, 12..=13) => 4,
        _ => 5,
    };
    Ok(format!(
        "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n\
         grub,{generation},Free Software Foundation,grub,{},https://www.gnu.org/software/grub/\n\
         grub.bootseal,1,bootseal,grub,{version},https://github.com/bootseal/bootseal\n",
        release(version)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn toolchain(modules: &Path, version: &str) -> Toolchain {
        Toolchain {
            program: "grub-mkimage".into(),
            modules: modules.to_path_buf(),
            version: version.to_owned(),
            can_disable_cli: false,
        }
    }

    /// The lines for a machine with this file, and GRUB's generation in them.
    fn lines(version: &str, there: Option<&str>) -> Result<(Lines, u32)> {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        if let Some(text) = there {
            fs::create_dir_all(root.path().join("usr/share/grub")).unwrap();
            fs::write(context.path(LINES), text).unwrap();
        }
        let modules = root.path().join("usr/lib/grub/x86_64-efi");
        let lines = Lines::find(&context, &toolchain(&modules, version), None)?;
        let generation = Sbat::parse(&lines.bytes).unwrap().component(GRUB).unwrap().generation;
        Ok((lines, generation))
    }

    #[test]
    fn without_a_distributions_lines_a_release_claims_what_it_had_when_it_came_out() {
        for (version, generation, is_refused) in [
            ("2.06", 1, true),
            ("2.06-13+deb12u2", 1, true),
            ("2.12~rc1", 3, true),
            ("2.12", 4, true),
            ("2.14", 5, false),
            ("2.14~rc1", 5, false),
        ] {
            let (lines, said) = lines(version, None).unwrap();
            assert_eq!((said, &lines.source), (generation, &None), "{version}");
            let refusal = lines.refused_by_shim().unwrap();
            assert_eq!(refusal.is_some(), is_refused, "{version}");
            if let Some(refusal) = refusal {
                assert_eq!(refusal.kind, SBAT_TOO_OLD);
                let said = format!("grub {generation} and not 5");
                assert!(refusal.text.contains(&said), "{}", refusal.text);
            }
        }
    }

    #[test]
    fn a_distributions_lines_are_taken_if_they_are_about_this_very_grub() {
        let gentoo = |version: &str, revision: &str| {
            format!(
                "sbat,1,SBAT Version,sbat,1,https://example.org/\ngrub,5,FSF,grub,{version},https://example.org/\n\
                 grub.gentoo,1,Gentoo,grub,{revision},https://example.org/\n"
            )
        };
        for (said, revision, installed, is_taken) in [
            ("2.12", "2.12", "2.12", true),
            ("2.12", "2.12-r5", "2.12", true),
            ("2.12", "2.12-5", "2.12-5", true),
            ("2.12", "2.12-5", "2.12-4", false),
            ("2.12", "2.12", "2.06", false),
            ("2.12", "2.121", "2.12", false),
        ] {
            let (lines, _) = lines(installed, Some(&gentoo(said, revision))).unwrap();
            assert_eq!(lines.source.is_some(), is_taken, "{said} {revision} {installed}");
        }
        assert!(
            lines("2.12", Some("grub\n"))
                .unwrap_err()
                .to_string()
                .ends_with("holds no SBAT lines")
        );
    }

    /// Of `grub-efi-amd64-bin`, which the tests install.
    #[test]
    fn debians_lines_are_in_the_images_that_it_builds() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        let modules = Path::new("/usr/lib/grub/x86_64-efi");
        let description = fs::read_to_string(modules.join("modinfo.sh")).unwrap();
        let version = description
            .lines()
            .find_map(|line| line.strip_prefix("grub_version="))
            .unwrap();
        let said = crate::system::process::output(Path::new("grub-mkimage"), ["--version"]).unwrap();
        let full = said.split_whitespace().last().unwrap();
        assert!(full.starts_with(version.trim_matches('"')));
        let lines = Lines::find(&context, &toolchain(modules, full), None).unwrap();
        assert_eq!(lines.source, Some(modules.join("monolithic/grubx64.efi")));
        let sbat = Sbat::parse(&lines.bytes).unwrap();
        assert_eq!(sbat.component("grub.debian").unwrap().version, full);
        assert!(!lines.bytes.contains(&0));
        // Another revision of the same release may have other holes.
        let other = Lines::find(&context, &toolchain(modules, "2.06-1"), None).unwrap();
        assert_eq!(other.source, None);
    }
}
