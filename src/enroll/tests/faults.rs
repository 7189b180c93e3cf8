//! A firmware that fails at every step in every way, and what is left of the machine.

use std::cell::Cell;
use std::rc::Rc;

use efivar::efi::{Variable, VariableFlags};
use efivar::{VarEnumerator, VarReader, VarWriter};

use super::*;
use crate::enroll::apply::apply_to;
use crate::enroll::firmware::Firmware;
use crate::enroll::lists::Lists;
use crate::enroll::plan::plan_on;
use crate::enroll::simulated::Simulated;
use crate::error::{Error, Result};
use crate::formats::firmware::authenticated_variable::EfiTime;
use crate::system::variables::{RawVariable, failed};

/// The fault of the firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The call fails, and nothing is stored.
    Error,
    /// The call fails, although all is stored.
    ErrorAfterStoring,
    /// The write succeeds, and nothing is stored.
    Nothing,
    /// The write succeeds, and the end is missing.
    Short,
    /// The write succeeds, with attributes that nobody asked for.
    Attributes,
    /// This call and all after it fail.
    PowerCut,
}

const FAULTS: [Fault; 6] = [
    Fault::Error,
    Fault::ErrorAfterStoring,
    Fault::Nothing,
    Fault::Short,
    Fault::Attributes,
    Fault::PowerCut,
];

#[derive(Debug)]
struct Faulty {
    inner: Simulated,
    /// The same variables, without the firmware's rules.
    stored: Efivarfs,
    fault: Fault,
    /// The call that goes wrong, counted from zero.
    at: usize,
    calls: Rc<Cell<usize>>,
}

impl Faulty {
    /// True if this call is the one that fails.
    fn strikes(&self) -> Result<bool> {
        let call = self.calls.replace(self.calls.get() + 1);
        if call == self.at && matches!(self.fault, Fault::Error | Fault::PowerCut)
            || call > self.at && self.fault == Fault::PowerCut
        {
            return Err(Error::could_not_run("injected"));
        }
        Ok(call == self.at)
    }
}

impl VarReader for Faulty {
    fn read(&self, variable: &Variable) -> efivar::Result<(Vec<u8>, VariableFlags)> {
        self.strikes().map_err(|error| failed(variable, error))?;
        self.inner.read(variable)
    }
}

impl VarWriter for Faulty {
    fn write(&mut self, variable: &Variable, attributes: VariableFlags, value: &[u8]) -> efivar::Result<()> {
        let strikes = self.strikes().map_err(|error| failed(variable, error))?;
        if strikes && self.fault == Fault::Nothing {
            return Ok(());
        }
        self.inner.write(variable, attributes, value)?;
        if !strikes {
            return Ok(());
        }
        let (mut data, mut attributes) = self.inner.read(variable)?;
        match self.fault {
            Fault::ErrorAfterStoring => return Err(failed(variable, Error::refused("injected"))),
            Fault::Short => data.truncate(data.len() - 1),
            Fault::Attributes => attributes = VariableFlags::default(),
            Fault::Error | Fault::Nothing | Fault::PowerCut => {}
        }
        // Past the firmware's rules.
        self.stored.write(variable, attributes, &data)
    }

    fn delete(&mut self, variable: &Variable) -> efivar::Result<()> {
        self.inner.delete(variable)
    }
}

impl VarEnumerator for Faulty {
    fn get_all_vars<'a>(&'a self) -> efivar::Result<Box<dyn Iterator<Item = Variable> + 'a>> {
        self.strikes().map_err(|error| failed(&Variable::new(""), error))?;
        self.inner.get_all_vars()
    }
}

impl Firmware for Faulty {
    fn setup_mode(&self) -> Result<bool> {
        self.strikes()?;
        self.inner.setup_mode()
    }

    fn free_space(&self) -> Result<Option<u64>> {
        self.inner.free_space()
    }

    fn last_write(&self, variable: VariableName) -> Result<Option<EfiTime>> {
        self.inner.last_write(variable)
    }
}

/// Enrolls on a firmware that fails at this call; returns what came of it, and how many calls there were.
fn enroll(bench: &Bench, fault: Fault, at: usize) -> (Result<Applied>, usize) {
    let StoreChoice::At(directory) = &bench.request.store else {
        unreachable!("the bench is no live firmware")
    };
    let calls = Rc::new(Cell::new(0));
    let planned = bench.plan().unwrap();
    let faulty = Faulty {
        inner: Simulated::open(&bench.context, directory).unwrap(),
        stored: bench.variables(),
        fault,
        at,
        calls: Rc::clone(&calls),
    };
    let applied = apply_to(&bench.context, &mut Store::new(faulty), &planned);
    (applied, calls.get())
}

/// Without a platform key nothing is enforced; with one, everything else has to be right.
pub(super) fn check_usable(bench: &Bench, what: &str) {
    let held = |variable: VariableName| bench.store().read(variable).unwrap();
    if held(VariableName::Pk).is_none_or(|raw| raw.data.is_empty()) {
        return;
    }
    let db = with_microsoft(database(&[&DB])).to_bytes();
    for (variable, data) in [
        (VariableName::Db, db),
        (VariableName::Kek, database(&[&KEK]).to_bytes()),
    ] {
        let attributes = ATTRIBUTES;
        assert_eq!(
            held(variable),
            Some(RawVariable { attributes, data }),
            "{what}: {variable}"
        );
    }
    let dbx = SignatureDatabase::parse(&held(VariableName::Dbx).unwrap().data).unwrap();
    assert!(dbx.contains_all(&hashes(&[1, 2])), "{what}");
}

#[test]
fn whatever_fails_the_machine_stays_usable_and_the_same_command_completes() {
    let (applied, calls) = enroll(&Bench::new(), Fault::Error, usize::MAX);
    applied.unwrap();
    assert!(calls > 20, "{calls}");
    let (mut stopped, mut resumed) = (0, 0);
    for fault in FAULTS {
        for at in 0..calls {
            let bench = Bench::new();
            let what = format!("{fault:?} at call {at}");
            let (applied, _) = enroll(&bench, fault, at);
            check_usable(&bench, &what);
            if let Err(error) = applied {
                let said = format!("{error} {:?} {:?}", error.causes(), error.hints());
                if said.contains("stopped at") {
                    stopped += 1;
                    assert!(said.contains("continue with: bootseal enroll apply"), "{what}: {said}");
                    assert!(said.contains("to go back: bootseal enroll revert"), "{what}: {said}");
                }
            }
            // What a firmware has spoiled for good can only be said.
            let is_malformed = Lists::read(&bench.store()).is_err();
            let pk = bench.store().read(VariableName::Pk).unwrap();
            let is_odd = pk.is_some_and(|pk| pk.attributes != ATTRIBUTES);
            if is_malformed && fault == Fault::Short || is_odd && fault == Fault::Attributes {
                continue;
            }
            let again = plan_on(&bench.context, &bench.store(), &bench.request).unwrap();
            carry_out(&bench.context, &again).unwrap();
            check_usable(&bench, &what);
            assert!(!bench.store().setup_mode().unwrap(), "{what}");
            resumed += 1;
        }
    }
    assert!(stopped >= 30 && resumed > 100, "{stopped} {resumed}");
}

#[test]
fn an_error_after_storing_counts_as_written_and_is_told() {
    let bench = Bench::new();
    let mut told = 0;
    let (_, calls) = enroll(&Bench::new(), Fault::Error, usize::MAX);
    for at in 0..calls {
        let bench = Bench::new();
        if let (Ok(applied), _) = enroll(&bench, Fault::ErrorAfterStoring, at) {
            told += applied
                .warnings
                .iter()
                .filter(|warning| warning.kind.name() == "stored_in_spite_of_error")
                .count();
        }
    }
    assert_eq!(told, 4);
    assert!(bench.store().setup_mode().unwrap());
}

#[test]
fn variables_that_change_after_the_plan_stop_it() {
    let bench = Bench::new();
    let planned = bench.plan().unwrap();
    let dbx = VariableName::Dbx;
    let content = hashes(&[9]).to_bytes();
    bench
        .variables()
        .write_raw(dbx.name(), &dbx.vendor(), ATTRIBUTES, &content)
        .unwrap();
    let error = carry_out(&bench.context, &planned).unwrap_err();
    assert!(
        error.to_string().contains("have changed since the plan was made"),
        "{error}"
    );
    assert_eq!(error.kind().exit_code(), 1);
}

#[test]
fn a_platform_key_without_the_others_is_refused() {
    let bench = Bench::new();
    let auth = sign(&PK, VariableName::Pk, ATTRIBUTES, time(1), &database(&[&PK]));
    let request = Request {
        source: Source::Updates(vec![Update {
            variable: VariableName::Pk,
            attributes: ATTRIBUTES,
            auth: auth.to_bytes(),
            origin: "a test".to_owned(),
        }]),
        ..bench.request.clone()
    };
    let error = carry_out(&bench.context, &plan(&bench.context, &request).unwrap()).unwrap_err();
    assert!(error.to_string().contains("KEK or db is empty"), "{error}");
    assert!(bench.store().setup_mode().unwrap());
}
