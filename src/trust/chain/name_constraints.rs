//! Name constraints as OpenSSL checks them (`check_name_constraints`, RFC 5280, section 6.1.3).

use crate::formats::crypto::asn1::tag;
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::x509::general_name::{GeneralName, NameConstraints, Subtree};

use super::refusal::PathRefusal;

/// Names times constraints that OpenSSL compares, at most (`NAME_CHECK_MAX`).
const MAX_COMPARISONS: usize = 1 << 20;

/// A name that is outside, or of which it cannot be told.
struct Violation;

/// Checks the name of every certificate against each authority above it.
pub(super) fn check(chain: &[&Certificate]) -> Result<(), PathRefusal> {
    for (depth, certificate) in chain.iter().enumerate().rev() {
        if depth != 0 && certificate.is_self_issued() {
            continue;
        }
        for authority in chain.iter().skip(depth + 1).rev() {
            let Some(constraints) = &authority.fields().decisive.constraints else {
                continue;
            };
            check_names(certificate, constraints, depth == 0).map_err(|Violation| PathRefusal::Names {
                certificate: certificate.common_name(),
                authority: authority.common_name(),
            })?;
        }
    }
    Ok(())
}

fn check_names(certificate: &Certificate, constraints: &NameConstraints, is_leaf: bool) -> Result<(), Violation> {
    let fields = certificate.fields();
    let alternative = &fields.decisive.alternative_names;
    let names = fields.subject.attributes().len() + alternative.len();
    let limits = constraints.permitted.len() + constraints.excluded.len();
    if names.saturating_mul(limits) > MAX_COMPARISONS {
        return Err(Violation);
    }
    if !fields.subject.attributes().is_empty() {
        check_name(&GeneralName::Directory(fields.subject.clone()), constraints)?;
        for address in fields.subject.email_addresses() {
            if address.tag != tag::IA5_STRING {
                return Err(Violation);
            }
            check_name(&GeneralName::Email(address.value.clone()), constraints)?;
        }
    }
    alternative.iter().try_for_each(|name| check_name(name, constraints))?;
    let has_dns = alternative.iter().any(|name| matches!(name, GeneralName::Dns(_)));
    if is_leaf && !has_dns {
        for name in fields.subject.common_names() {
            if let Some(host) = host_name(&name)? {
                check_name(&GeneralName::Dns(host.as_bytes().to_vec()), constraints)?;
            }
        }
    }
    Ok(())
}

fn check_name(name: &GeneralName, constraints: &NameConstraints) -> Result<(), Violation> {
    let of_its_kind = |subtree: &&Subtree| subtree.base.kind() == name.kind();
    let mut permitted = None;
    for subtree in constraints.permitted.iter().filter(of_its_kind) {
        if subtree.is_bounded {
            return Err(Violation);
        }
        if permitted != Some(true) {
            permitted = Some(is_below(name, &subtree.base)?);
        }
    }
    if permitted == Some(false) {
        return Err(Violation);
    }
    for subtree in constraints.excluded.iter().filter(of_its_kind) {
        if subtree.is_bounded || is_below(name, &subtree.base)? {
            return Err(Violation);
        }
    }
    Ok(())
}

/// True if the name is `base` or below it; an error if that cannot be told.
fn is_below(name: &GeneralName, base: &GeneralName) -> Result<bool, Violation> {
    match (name, base) {
        (GeneralName::Directory(name), GeneralName::Directory(base)) => Ok(name.is_below(base)),
        (GeneralName::Dns(name), GeneralName::Dns(base)) => Ok(is_host_below(name, base)),
        (GeneralName::Email(name), GeneralName::Email(base)) => is_address_below(name, base),
        _ => Err(Violation),
    }
}

fn is_host_below(name: &[u8], base: &[u8]) -> bool {
    let Some(before) = name.len().checked_sub(base.len()) else {
        return false;
    };
    let (before, end) = name.split_at(before);
    let is_bounded =
        before.is_empty() || base.is_empty() || base.first() == Some(&b'.') || before.last() == Some(&b'.');
    is_bounded && end.eq_ignore_ascii_case(base)
}

fn is_address_below(name: &[u8], base: &[u8]) -> Result<bool, Violation> {
    let split = |address: &[u8]| {
        let at = address.iter().rposition(|octet| *octet == b'@')?;
        let (local, host) = address.split_at_checked(at)?;
        Some((local.to_vec(), host.get(1..)?.to_vec()))
    };
    let (local, host) = split(name).ok_or(Violation)?;
    let Some((base_local, base_host)) = split(base) else {
        if base.first() == Some(&b'.') {
            let before = name.len().checked_sub(base.len()).filter(|before| *before > 0);
            let end = before.and_then(|before| name.get(before..));
            return Ok(end.is_some_and(|end| end.eq_ignore_ascii_case(base)));
        }
        return Ok(host.eq_ignore_ascii_case(base));
    };
    if !base_local.is_empty() && base_local != local {
        return Ok(false);
    }
    Ok(host.eq_ignore_ascii_case(&base_host))
}

/// The common name as a name of a host, if it looks like one of at least two parts.
fn host_name(name: &str) -> Result<Option<&str>, Violation> {
    let name = name.trim_end_matches('\0');
    if name.contains('\0') {
        return Err(Violation);
    }
    let octets = name.as_bytes();
    let mut has_parts = false;
    for (place, octet) in octets.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|place| octets.get(place));
        let (Some(before), Some(after)) = (before, octets.get(place + 1)) else {
            if octet.is_ascii_alphanumeric() || *octet == b'_' {
                continue;
            }
            return Ok(None);
        };
        match octet {
            b'_' | b'-' => {}
            b'.' if *after != b'.' && *before != b'-' && *after != b'-' => has_parts = true,
            octet if octet.is_ascii_alphanumeric() => {}
            _ => return Ok(None),
        }
    }
    Ok(has_parts.then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_addresses_are_below_their_domain() {
        for (name, base, below) in [
            ("a.example.com", "example.com", true),
            ("A.Example.com", ".example.com", true),
            ("example.com", "example.com", true),
            ("badexample.com", "example.com", false),
            ("x", "", true),
        ] {
            assert_eq!(is_host_below(name.as_bytes(), base.as_bytes()), below, "{name} {base}");
        }
        for (name, base, below) in [
            ("me@example.com", "example.com", Some(true)),
            ("me@mail.example.com", "example.com", Some(false)),
            ("me@mail.example.com", ".example.com", Some(true)),
            ("Me@example.com", "me@example.com", Some(false)),
            ("me@example.com", "@Example.com", Some(true)),
            ("nobody", "example.com", None),
        ] {
            let told = is_address_below(name.as_bytes(), base.as_bytes()).ok();
            assert_eq!(told, below, "{name} {base}");
        }
    }

    #[test]
    fn common_names_are_hosts_only_if_they_look_like_one() {
        let host = |name| host_name(name).ok().flatten();
        assert_eq!(host("a-b.example_1.com\0"), Some("a-b.example_1.com"));
        for name in ["single", "a b.c", "-a.b", "a.b.", "a..b", "a-.b", ""] {
            assert_eq!(host(name), None, "{name}");
        }
        assert!(host_name("a.b\0c").is_err());
    }
}
