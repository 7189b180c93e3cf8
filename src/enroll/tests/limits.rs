//! A board with little room: what the plan foretells, what is left after a refusal, and the way on.

use std::cell::Cell;
use std::rc::Rc;

use efivar::efi::{Variable, VariableFlags};
use efivar::{VarEnumerator, VarReader, VarWriter};

use super::faults::check_usable;
use super::*;
use crate::enroll::apply::apply_to;
use crate::enroll::firmware::Firmware;
use crate::enroll::plan::plan_on;
use crate::enroll::simulated::Simulated;
use crate::error::{Error, Result};
use crate::formats::firmware::authenticated_variable::{APPEND, AuthenticatedVariable, EfiTime};
use crate::system::variables::failed;

/// Bytes that the kernel keeps free whatever is written.
const RESERVE: u64 = 5120;

/// A firmware that takes no variable above a size, and gives no room back before the next start.
#[derive(Debug)]
struct Small {
    inner: Simulated,
    /// Largest variable, in bytes.
    largest: usize,
    /// Bytes that are left for variables.
    left: Rc<Cell<u64>>,
}

impl Small {
    fn new(bench: &Bench, largest: usize, left: u64) -> Self {
        let StoreChoice::At(directory) = &bench.request.store else {
            unreachable!("the bench is no live firmware")
        };
        Self {
            inner: Simulated::open(&bench.context, directory).unwrap(),
            largest,
            left: Rc::new(Cell::new(left)),
        }
    }

    /// The size of a variable after a write.
    fn size(&self, variable: &Variable, attributes: VariableFlags, write: &[u8]) -> usize {
        let lists = |bytes: &[u8]| SignatureDatabase::parse(bytes).unwrap();
        let mut content = SignatureDatabase::default();
        if attributes.bits() & APPEND != 0 {
            content = self.read(variable).map(|(data, _)| lists(&data)).unwrap_or_default();
        }
        content.merge(&lists(&AuthenticatedVariable::parse(write).unwrap().payload));
        content.to_bytes().len()
    }
}

impl VarReader for Small {
    fn read(&self, variable: &Variable) -> efivar::Result<(Vec<u8>, VariableFlags)> {
        self.inner.read(variable)
    }
}

impl VarWriter for Small {
    fn write(&mut self, variable: &Variable, attributes: VariableFlags, value: &[u8]) -> efivar::Result<()> {
        let size = self.size(variable, attributes, value);
        let left = self.left.get().checked_sub(size as u64).filter(|left| *left >= RESERVE);
        let Some(left) = left.filter(|_| size <= self.largest) else {
            return Err(failed(variable, Error::refused("the firmware has no memory left")));
        };
        self.inner.write(variable, attributes, value)?;
        self.left.set(left);
        Ok(())
    }

    fn delete(&mut self, variable: &Variable) -> efivar::Result<()> {
        self.inner.delete(variable)
    }
}

impl VarEnumerator for Small {
    fn get_all_vars<'a>(&'a self) -> efivar::Result<Box<dyn Iterator<Item = Variable> + 'a>> {
        self.inner.get_all_vars()
    }
}

impl Firmware for Small {
    fn setup_mode(&self) -> Result<bool> {
        self.inner.setup_mode()
    }

    fn free_space(&self) -> Result<Option<u64>> {
        Ok(Some(self.left.get()))
    }

    fn last_write(&self, variable: VariableName) -> Result<Option<EfiTime>> {
        self.inner.last_write(variable)
    }
}

/// Enrolls on such a firmware; returns the names of the plan's warnings, too.
fn enroll(bench: &Bench, largest: usize, left: u64) -> (Vec<(&'static str, String)>, Result<Applied>) {
    let mut store = Store::new(Small::new(bench, largest, left));
    let plan = plan_on(&bench.context, &store, &bench.request).unwrap();
    let warnings = plan
        .warnings
        .iter()
        .map(|warning| (warning.kind.name(), warning.subject.clone()));
    (warnings.collect(), apply_to(&bench.context, &mut store, &plan))
}

fn said(error: &Error) -> String {
    format!("{error} {:?} {:?}", error.causes(), error.hints())
}

#[test]
fn too_little_room_is_foretold_and_the_same_command_completes_when_there_is_more() {
    let mut stopped_at = std::collections::BTreeSet::new();
    let mut completed = 0;
    for left in (0..20_000).step_by(400) {
        let bench = Bench::new();
        let what = format!("{left} bytes");
        let (warnings, applied) = enroll(&bench, usize::MAX, left);
        check_usable(&bench, &what);
        match applied {
            Ok(_) => completed += 1,
            Err(error) => {
                let said = said(&error);
                let variable = said.strip_prefix("stopped at ").and_then(|rest| rest.split(':').next());
                let variable = variable.unwrap_or_else(|| panic!("{what}: {said}")).to_owned();
                assert!(
                    warnings.contains(&("low_space", variable.clone())),
                    "{what}: {warnings:?}"
                );
                assert!(
                    said.contains("still in Setup Mode") && said.contains("boots as before"),
                    "{what}: {said}"
                );
                assert!(said.contains("continue with: bootseal enroll apply"), "{what}: {said}");
                stopped_at.insert(variable);
            }
        }
        enroll(&bench, usize::MAX, 1 << 20).1.unwrap();
        check_usable(&bench, &what);
        assert!(!bench.store().setup_mode().unwrap(), "{what}");
    }
    assert_eq!(stopped_at.len(), 4, "{stopped_at:?}");
    assert!(completed > 0);
    // Where there is plenty nobody is told anything.
    let (warnings, _) = enroll(&Bench::new(), usize::MAX, 1 << 20);
    assert!(warnings.iter().all(|(name, _)| *name != "low_space"), "{warnings:?}");
}

#[test]
fn a_variable_that_a_board_need_not_take_is_foretold_and_can_be_left_out() {
    const LARGEST: usize = 32 << 10;
    let bench = Bench::new();
    let mut many = hashes(&[1, 2]);
    for number in 0..700_u32 {
        let mut hash = [7; 32];
        hash[..4].copy_from_slice(&number.to_le_bytes());
        many.add_sha256(OWNER, &hash);
    }
    assert!(many.to_bytes().len() > LARGEST);
    bench.file(VariableName::Dbx, &KEK, APPEND_ATTRIBUTES, &many);
    let (warnings, applied) = enroll(&bench, LARGEST, 1 << 20);
    assert!(warnings.contains(&("large_variable", "dbx".to_owned())), "{warnings:?}");
    let said = said(&applied.unwrap_err());
    assert!(said.starts_with("stopped at dbx: nothing is written"), "{said}");
    assert!(said.contains("a copy of the key directory without dbx.auth"), "{said}");
    fs::remove_file(bench.keys().join("dbx.auth")).unwrap();
    let (warnings, applied) = enroll(&bench, LARGEST, 1 << 20);
    assert!(
        warnings.iter().all(|(name, _)| *name != "large_variable"),
        "{warnings:?}"
    );
    applied.unwrap();
    assert!(!bench.store().setup_mode().unwrap());
}
