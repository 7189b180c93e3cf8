use super::*;
use crate::formats::kernel::kernel_config::{PREFIX, Value};
use std::collections::BTreeSet;

const CERTIFICATE: &str = "/etc/kernel/module.pem";

fn fragment(version: KernelVersion) -> String {
    Fragment::new(version, &ModuleKey::Certificate(CERTIFICATE.to_owned())).to_string()
}

fn unmet(text: &str, version: KernelVersion) -> Vec<String> {
    let config = KernelConfig::parse(text.as_bytes()).unwrap();
    judge(&config, version)
        .into_iter()
        .filter(crate::trust::kernel_config::requirement::Judgement::is_unmet)
        .map(|judgement| judgement.subject)
        .collect()
}

const VERSIONS: [KernelVersion; 5] = [
    KernelVersion::new(5, 10),
    KernelVersion::new(6, 1),
    KernelVersion::new(6, 7),
    KernelVersion::new(6, 12),
    KernelVersion::new(7, 3),
];

#[test]
fn the_fragment_meets_the_requirements_that_it_is_made_of() {
    for version in VERSIONS {
        assert_eq!(unmet(&fragment(version), version), [""; 0], "{version}");
    }
}

#[test]
fn each_line_of_the_fragment_is_missed() {
    for version in VERSIONS {
        let text = fragment(version);
        for requirement in REQUIREMENTS.iter().filter(|requirement| requirement.concerns(version)) {
            let option = format!("{PREFIX}{}", requirement.symbol);
            let line = match requirement.value() {
                Value::No => format!("# {option} is not set\n"),
                value => format!("{option}={value}\n"),
            };
            let opposite = if requirement.wanted == Wanted::No { "y" } else { "n" };
            assert!(text.contains(&line), "{line}");
            let changed = text.replace(&line, &format!("{option}={opposite}\n"));
            assert_eq!(unmet(&changed, version), std::slice::from_ref(&option), "{version}");
            if requirement.wanted == Wanted::Yes {
                let changed = text.replace(&line, &format!("{option}=m\n"));
                assert_eq!(unmet(&changed, version), [option], "a module comes too late");
            }
        }
    }
}

#[test]
fn an_option_is_required_once_in_each_version() {
    for version in VERSIONS {
        let concerned: Vec<&str> = REQUIREMENTS
            .iter()
            .filter(|requirement| requirement.concerns(version))
            .map(|requirement| requirement.symbol)
            .collect();
        assert_eq!(concerned.iter().collect::<BTreeSet<_>>().len(), concerned.len());
        assert_eq!(
            concerned.contains(&"MODULE_SIG_SHA3_512"),
            version >= KernelVersion::new(6, 7)
        );
    }
}

#[test]
fn a_hyphen_for_an_underscore_is_seen_and_named() {
    let version = KernelVersion::new(6, 12);
    let text = fragment(version).replace("CONFIG_MODULE_SIG_SHA3_512=y", "CONFIG_MODULE_SIG_SHA3-512=y");
    assert_eq!(unmet(&text, version), ["CONFIG_MODULE_SIG_SHA3_512"]);
    let config = KernelConfig::parse(text.as_bytes()).unwrap();
    let judgements = judge(&config, version);
    let found = judgements.iter().find(|judgement| judgement.is_unmet()).unwrap();
    assert!(
        found
            .found
            .contains("CONFIG_MODULE_SIG_SHA3-512, which Kconfig passes over"),
        "{found:?}"
    );
}

#[test]
fn what_does_not_matter_is_not_missed() {
    let version = KernelVersion::new(6, 12);
    let text =
        "# Linux/arm64 6.12.1 Kernel Configuration\n# CONFIG_MODULES is not set\n# CONFIG_KEXEC_FILE is not set\n";
    let missed = unmet(text, version);
    for prefix in ["CONFIG_MODULE_SIG", "CONFIG_KEXEC"] {
        assert!(!missed.iter().any(|option| option.starts_with(prefix)), "{missed:?}");
    }
    assert!(missed.contains(&"CONFIG_EFI_STUB".to_owned()));
    let confidential = format!("{text}CONFIG_LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY=y\n");
    assert!(
        !unmet(&confidential, version)
            .iter()
            .any(|option| option.contains("LOCK_DOWN"))
    );
}
