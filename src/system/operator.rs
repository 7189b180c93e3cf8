//! The person at work, for records.

use std::path::Path;

use super::files::read_prefix;

/// Longest name of a user or a host that is taken, in characters.
const MAX_NAME: usize = 64;

/// The person who runs this, as `user@host`: who called sudo or doas, else who logged in. It is a claim, which root can make of anybody.
#[must_use]
pub fn operator() -> String {
    let named = ["SUDO_USER", "DOAS_USER", "LOGNAME", "USER"]
        .into_iter()
        .find_map(|variable| {
            let name = plain(&std::env::var(variable).ok()?);
            (!name.is_empty()).then_some(name)
        });
    let user = named.unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()));
    // This process runs on this host, whatever root it looks at.
    let host = read_prefix(Path::new("/proc/sys/kernel/hostname"), Some(1024)).unwrap_or_default();
    let host = plain(&String::from_utf8_lossy(&host));
    if host.is_empty() {
        user
    } else {
        format!("{user}@{host}")
    }
}

/// A name without what would leave its line or its word.
fn plain(name: &str) -> String {
    let is_plain = |letter: &char| letter.is_alphanumeric() || "._-".contains(*letter);
    name.trim().chars().filter(is_plain).take(MAX_NAME).collect()
}
