//! GRUB's line in `.sbat`: `component,generation,vendor,package,version,URL` (shim's SBAT.md).

/// The version of the component `grub`.
pub(super) fn grub_version(section: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(section);
    let fields = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
    let grub = text
        .lines()
        .map(fields)
        .find(|fields| fields.first().is_some_and(|name| name == "grub"))?;
    grub.into_iter().nth(4).filter(|version| !version.is_empty())
}
