//! The variables of Secure Boot as the last start measured them.

use std::collections::BTreeMap;

use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::event_log::{EventLog, EventType};
use crate::formats::firmware::guid::Guid;

use super::predict::PCR;

/// The data of variables that PCR 7 was extended by, by name and vendor. What the log says was measured only counts if its digest is the
/// event's.
#[must_use]
pub fn measured_variables(log: &EventLog) -> BTreeMap<(String, Guid), Vec<u8>> {
    let mut measured = BTreeMap::new();
    let Some(algorithm) = log.algorithm() else {
        return measured;
    };
    let is_told = |kind: EventType, pcr: u32| kind == EventType::VARIABLE_DRIVER_CONFIG && pcr == PCR;
    for event in log.events().iter().filter(|event| is_told(event.kind, event.pcr)) {
        let Some(variable) = event.variable() else { continue };
        let told = algorithm.digest(&[&event.data]);
        if event.digest(algorithm).is_some_and(|digest| *digest == told) {
            measured.insert((variable.name(), variable.vendor), variable.data);
        }
    }
    measured
}

/// Those of PK, KEK, db and dbx whose data is another now than at the last start.
pub fn changed_since(log: &EventLog, now: &dyn Fn(VariableName) -> Vec<u8>) -> Vec<VariableName> {
    let measured = measured_variables(log);
    let is_changed = |variable: &VariableName| {
        let then = measured.get(&(variable.name().to_owned(), variable.vendor()));
        then.is_some_and(|then| *then != now(*variable))
    };
    VariableName::ALL.into_iter().filter(is_changed).collect()
}
