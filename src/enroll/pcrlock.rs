//! Components of systemd-pcrlock(8): the measurements of the next start, so that a policy may take both the present and the next
//! value of PCR 7 while the variables change.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::{Error, Explain, Result};
use crate::formats::firmware::event_log::EventType;
use crate::system::{self, Context};
use crate::trust::measured_boot::PCR;

use super::next_measurement::NextMeasurement;
use super::plan::Plan;

/// Permission bits of components: they hold no secret.
const PUBLIC: u32 = 0o644;
/// The components of what is measured before and behind the separator. systemd-pcrlock makes variants of the same names.
const COMPONENTS: [&str; 2] = ["240-secureboot-policy.pcrlock.d", "620-secureboot-authority.pcrlock.d"];
/// The name of our variants: systemd-pcrlock's own, of the present values, are beside them.
const VARIANT: &str = "bootseal.pcrlock";

/// Writes the components of the next start below a directory, and returns their paths. Could not run if the next start cannot be
/// told, or its order is one that systemd-pcrlock has no components for.
pub fn write_pcrlock(context: &Context, plan: &Plan, directory: &Path) -> Result<Vec<PathBuf>> {
    let unknown = || {
        let reason = plan.pcr7.unpredictable.clone();
        let reason = reason.unwrap_or_else(|| "nothing is to be written to the firmware".to_owned());
        Error::could_not_run("the measurements of the next start cannot be told, so no component is written")
            .caused_by(reason)
    };
    let parts = parts(&plan.pcr7.next).ok_or_else(unknown)?;
    let mut written = Vec::new();
    for (name, part) in COMPONENTS.into_iter().zip(parts) {
        let folder = directory.join(name);
        let path = folder.join(VARIANT);
        let text = serde_json::to_string(&component(&part)).or_bug(|| "cannot write a component".to_owned())?;
        if !context.dry_run() {
            system::create_dir(context, &folder)?;
            system::replace_durably(context, &path, format!("{text}\n").as_bytes(), PUBLIC)?;
        }
        written.push(path);
    }
    Ok(written)
}

/// The measurements before and behind the separator, which is a component of its own; none if the order is another one.
fn parts(next: &[NextMeasurement]) -> Option<[Vec<&NextMeasurement>; 2]> {
    let separator = next
        .iter()
        .position(|measurement| measurement.kind == EventType::SEPARATOR)?;
    let (policy, authority) = (next.get(..separator)?, next.get(separator.saturating_add(1)..)?);
    let are = |part: &[NextMeasurement], kind| part.iter().all(|measurement| measurement.kind == kind);
    let is_usual = are(policy, EventType::VARIABLE_DRIVER_CONFIG) && are(authority, EventType::VARIABLE_AUTHORITY);
    is_usual.then(|| [policy.iter().collect(), authority.iter().collect()])
}

/// The JSON of a component: its records, one for each measurement (systemd-pcrlock(8), "Components").
fn component(measurements: &[&NextMeasurement]) -> Value {
    let record = |measurement: &&NextMeasurement| {
        let digests = measurement.digests.iter();
        let digests = digests.map(|(bank, digest)| json!({ "hashAlg": bank, "digest": hex::encode(digest) }));
        json!({ "pcr": PCR, "digests": digests.collect::<Vec<_>>() })
    };
    json!({ "records": measurements.iter().map(record).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement(kind: EventType) -> NextMeasurement {
        NextMeasurement {
            kind,
            digests: vec![("sha256", vec![0xab; 32]), ("sha1", vec![1; 20])],
        }
    }

    #[test]
    fn a_component_has_the_records_of_one_side_of_the_separator() {
        let next = [
            EventType::VARIABLE_DRIVER_CONFIG,
            EventType::VARIABLE_DRIVER_CONFIG,
            EventType::SEPARATOR,
            EventType::VARIABLE_AUTHORITY,
        ];
        let next = next.map(measurement);
        let [policy, authority] = parts(&next).unwrap();
        assert_eq!((policy.len(), authority.len()), (2, 1));
        let json = component(&authority);
        assert_eq!(json["records"][0]["pcr"], 7);
        assert_eq!(json["records"][0]["digests"][0]["hashAlg"], "sha256");
        assert_eq!(json["records"][0]["digests"][0]["digest"], "ab".repeat(32));
    }

    #[test]
    fn an_order_without_components_is_refused() {
        let early = [
            EventType::VARIABLE_DRIVER_CONFIG,
            EventType::VARIABLE_AUTHORITY,
            EventType::SEPARATOR,
        ];
        assert!(parts(&early.map(measurement)).is_none());
        assert!(parts(&[]).is_none());
    }
}
