//! The lists of files that package managers keep: Portage's CONTENTS and dpkg's md5sums.
//!
//! A list gives the path and the MD5 of each file. MD5 is good enough here: nobody knows how to make a file that fits a given
//! MD5 (a second preimage), and two files of one MD5 (a collision) can only be made by who makes the package, and who does
//! that runs programs as root on this machine.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

use crate::disk::boot_directories::BOOT_DIRECTORIES;
use crate::disk::boot_media::BootMedia;
use crate::error::{Error, Explain, Result};
use crate::formats::text::Shown;
use crate::system::{self, Content, Context, FileKind};

use super::equal::equal_file;
use super::line::Manager;
use super::owner::Owner;
use super::places::is_data;

/// The directory of Portage's packages: `CATEGORY/PACKAGE/CONTENTS`.
pub(super) const PORTAGE: &str = "/var/db/pkg";
/// The list of a package in it.
const CONTENTS: &str = "CONTENTS";
/// The directory of dpkg's lists, `PACKAGE.md5sums`.
pub(super) const DPKG: &str = "/var/lib/dpkg/info";
/// The extension of a list in it.
pub(super) const MD5SUMS: &str = "md5sums";
/// Longest list, in bytes; that of gentoo-sources has about 10 MB.
const MAX_LIST: u64 = 64 << 20;
/// Most files in all lists together; a desktop has about 500,000. Each takes 16 bytes of memory.
const MAX_LISTED: usize = 4_000_000;
/// Most files of one name that are compared. More of them have names (`README`, `Makefile`) that nothing has that boots.
const MAX_SAME_NAME: usize = 256;

/// A package's list.
#[derive(Debug)]
struct List {
    path: PathBuf,
    package: String,
    manager: Manager,
}

/// A line of a list: the hash of the file's name, the number of the list, and the line's first byte.
type Line = (u64, u32, u32);

/// All lists, by the names in them.
#[derive(Debug, Default)]
pub(super) struct Lists {
    packages: Vec<List>,
    lines: Vec<Line>,
    /// The files that packages install on boot media, by their paths, with MD5 and list.
    on_media: BTreeMap<PathBuf, Vec<([u8; 16], usize)>>,
}

impl Lists {
    /// Reads all lists. An error if one cannot be read or is too long, or if there are too many files in them.
    pub(super) fn read(context: &Context, media: &BootMedia) -> Result<Self> {
        let media = prefixes(context, media)?;
        let mut lists = Self {
            packages: find(context)?,
            ..Self::default()
        };
        for (number, list) in lists.packages.iter().enumerate() {
            let too_long = || {
                let path = list.path.shown();
                Error::could_not_run(format!(
                    "{path} is too long: over {MAX_LIST} bytes, or {MAX_LISTED} files with those of the lists before it"
                ))
            };
            let text = list.text()?;
            let index = u32::try_from(number).map_err(|_| too_long())?;
            let mut start = 0_usize;
            for line in text.split(|byte| *byte == b'\n') {
                let begins = u32::try_from(start).map_err(|_| too_long())?;
                start += line.len() + 1;
                let Some(listed) = list.manager.parse(line) else {
                    continue;
                };
                if lists.lines.len() == MAX_LISTED {
                    return Err(too_long());
                }
                lists.lines.push((name_hash(listed.name()), index, begins));
                let is_on = |medium: &Vec<u8>| {
                    let below = listed.path.strip_prefix(medium.as_slice());
                    below.is_some_and(|below| below.starts_with(b"/"))
                };
                if media.iter().any(is_on)
                    && let Some(md5) = listed.digest()
                {
                    lists.on_media.entry(listed.absolute()).or_default().push((md5, number));
                }
            }
        }
        lists.lines.sort_unstable();
        lists.lines.shrink_to_fit();
        Ok(lists)
    }

    /// The package that owns a file with these bytes: one that installs the very path on a boot medium, or one with a file
    /// of the same name on the root file system that is as the list says, and equal.
    pub(super) fn owner(
        &self,
        context: &Context,
        media: &BootMedia,
        path: &Path,
        bytes: Content<'_>,
        is_program: bool,
    ) -> Result<Option<Owner>> {
        if self.packages.is_empty() {
            return Ok(None);
        }
        let md5 = md5(bytes).or_could_not_run(|| format!("cannot read {}", path.shown()))?;
        if media.holds(path) {
            for own in own_paths(context, path)? {
                let same = self.on_media.get(&own).into_iter().flatten();
                if let Some(list) = same
                    .filter(|(listed, _)| *listed == md5)
                    .find_map(|(_, list)| self.packages.get(*list))
                {
                    return Ok(Some(list.owner(list.path.clone())));
                }
            }
        }
        if is_data(path, is_program) {
            return self.same_name(context, media, path, bytes, md5);
        }
        Ok(None)
    }

    fn same_name(
        &self,
        context: &Context,
        media: &BootMedia,
        path: &Path,
        bytes: Content<'_>,
        md5: [u8; 16],
    ) -> Result<Option<Owner>> {
        let name = path.file_name().unwrap_or_default().as_bytes();
        let hash = name_hash(name);
        let first = self.lines.partition_point(|(other, _, _)| *other < hash);
        let same = self.lines.iter().skip(first).take_while(|(other, _, _)| *other == hash);
        let same: Vec<&Line> = same.take(MAX_SAME_NAME + 1).collect();
        if same.len() > MAX_SAME_NAME {
            return Ok(None);
        }
        for lines in same.chunk_by(|a, b| a.1 == b.1) {
            let number = lines.first().and_then(|line| usize::try_from(line.1).ok());
            let Some(list) = number.and_then(|number| self.packages.get(number)) else {
                continue;
            };
            let text = list.text()?;
            for (_, _, begins) in lines {
                let rest = usize::try_from(*begins).ok().and_then(|begins| text.get(begins..));
                let line = rest.and_then(|rest| rest.split(|byte| *byte == b'\n').next());
                let listed = line.and_then(|line| list.manager.parse(line));
                let Some(listed) = listed.filter(|listed| listed.name() == name && listed.digest() == Some(md5)) else {
                    continue;
                };
                let installed = context.path(listed.absolute());
                let Some(real) = system::file_below(context.root(), &installed)? else {
                    continue;
                };
                if !media.holds(&installed) && equal_file(&real, bytes)? {
                    return Ok(Some(list.owner(real)));
                }
            }
        }
        Ok(None)
    }
}

fn md5(bytes: Content<'_>) -> io::Result<[u8; 16]> {
    let mut digest = Md5::new();
    io::copy(&mut bytes.open(), &mut digest)?;
    Ok(digest.finalize().into())
}

/// The files that Portage has merged for a package, `CATEGORY/NAME-VERSION`, without the root; none if it has no such package.
pub fn merged_files(context: &Context, package: &str) -> Result<Option<Vec<PathBuf>>> {
    let is_name = |part: &&str| !part.is_empty() && !part.starts_with(['.', '-']);
    let parts: Vec<&str> = package.split('/').filter(is_name).collect();
    let [category, name] = parts[..] else {
        return Ok(None);
    };
    let path = context.path(PORTAGE).join(category).join(name).join(CONTENTS);
    if !system::is_there(&path)? {
        return Ok(None);
    }
    let list = List {
        path,
        package: package.to_owned(),
        manager: Manager::Portage,
    };
    let text = list.text()?;
    let lines = text.split(|byte| *byte == b'\n');
    let listed = lines.filter_map(|line| list.manager.parse(line));
    Ok(Some(listed.map(|listed| listed.absolute()).collect()))
}

impl List {
    fn text(&self) -> Result<Vec<u8>> {
        let text = system::read_prefix(&self.path, Some(MAX_LIST + 1))?;
        if text.len() as u64 > MAX_LIST {
            return Err(Error::could_not_run(format!(
                "{} has over {MAX_LIST} bytes: it is too long for a package's list",
                self.path.shown()
            )));
        }
        Ok(text)
    }

    fn owner(&self, file: PathBuf) -> Owner {
        Owner {
            package: Some(self.package.clone()),
            file,
        }
    }
}

/// The lists of all packages, in the order of their paths.
fn find(context: &Context) -> Result<Vec<List>> {
    let mut found = Vec::new();
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for category in directories(&context.path(PORTAGE))? {
        for package in directories(&category)? {
            let path = package.join(CONTENTS);
            if system::info_of_name(&path)?.is_some_and(|info| info.is_file()) {
                found.push(List {
                    path,
                    package: format!("{}/{}", name(&category), name(&package)),
                    manager: Manager::Portage,
                });
            }
        }
    }
    for entry in system::list_directory_if_there(&context.path(DPKG))? {
        if entry.kind == FileKind::File && entry.path.extension().is_some_and(|extension| extension == MD5SUMS) {
            let package = entry.path.file_stem().unwrap_or_default();
            found.push(List {
                package: package.to_string_lossy().into_owned(),
                path: entry.path,
                manager: Manager::Dpkg,
            });
        }
    }
    Ok(found)
}

/// The directories of a directory, without those of packages that Portage is just installing (`-MERGING-NAME`).
pub(super) fn directories(path: &Path) -> Result<Vec<PathBuf>> {
    let is_complete = |path: &Path| !path.file_name().unwrap_or_default().as_bytes().starts_with(b"-");
    let entries = system::list_directory_if_there(path)?.into_iter();
    let directories = entries.filter(|entry| entry.kind == FileKind::Directory && is_complete(&entry.path));
    Ok(directories.map(|entry| entry.path).collect())
}

/// The paths of the boot media as packages know them, without the slash at the beginning.
fn prefixes(context: &Context, media: &BootMedia) -> Result<Vec<Vec<u8>>> {
    let mut found: Vec<PathBuf> = BOOT_DIRECTORIES.iter().map(PathBuf::from).collect();
    for directory in media.directories() {
        found.extend(own_paths(context, directory)?);
    }
    let bytes = |path: &PathBuf| {
        let path = path.strip_prefix("/").unwrap_or(path);
        path.as_os_str().as_bytes().to_vec()
    };
    Ok(found.iter().map(bytes).collect())
}

/// The paths that the machine itself has for a file: as it is named, and without symbolic links.
fn own_paths(context: &Context, path: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if let Ok(absolute) = std::path::absolute(path) {
        found.push(context.below_root(&absolute));
    }
    let root = system::canonical(context.root())?;
    if let Some(real) = system::file_below(context.root(), path)?.or(system::directory_below(context.root(), path)?)
        && let Ok(below) = real.strip_prefix(&root)
    {
        found.push(Path::new("/").join(below));
    }
    Ok(found)
}

fn name_hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_the_files_of_its_list_and_no_other_name_leads_to_one() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        let directory = context.path(PORTAGE).join("x11-drivers/nvidia-drivers-580.1-r1");
        std::fs::create_dir_all(&directory).unwrap();
        let list = "dir /lib\nobj /lib/modules/6.1/video/a b.ko d41d8cd98f00b204e9800998ecf8427e 1\nsym /x -> y 1\n";
        std::fs::write(directory.join(CONTENTS), list).unwrap();
        let merged = |package: &str| merged_files(&context, package).unwrap();
        let expected = vec![PathBuf::from("/lib/modules/6.1/video/a b.ko")];
        assert_eq!(merged("x11-drivers/nvidia-drivers-580.1-r1"), Some(expected));
        for other in [
            "x11-drivers/nvidia-drivers",
            "nvidia-drivers-580.1-r1",
            "x/../x11-drivers/nvidia-drivers-580.1-r1",
            "../x11-drivers",
        ] {
            assert_eq!(merged(other), None, "{other}");
        }
    }
}
