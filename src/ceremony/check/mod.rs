//! The step that tries the product before it is handed over: everything is read back from the disk, every key signs, and
//! every write is judged as firmware will. The transcript has the observations of each examination, and nothing else.

mod certificates;
mod enrolment;
mod keys;
mod product;
mod writes;

use crate::error::Result;

use super::examination::Examination;
use super::transcript::Event;
use super::work::Work;
use product::{Product, Report};

/// Holds every examination, and records the observations.
pub(super) fn examine(work: &mut Work<'_>, examinations: &[Examination]) -> Result<()> {
    work.check_files()?;
    let directory = work.directory()?;
    let product = Product {
        work,
        spec: work.spec,
        directory: &directory,
    };
    let mut report = Report::default();
    for examination in examinations {
        match examination {
            Examination::Keys => keys::examine(&product, &mut report),
            Examination::Certificates => certificates::examine(&product, &mut report),
            Examination::Writes => writes::examine(&product, &mut report),
            Examination::Enrolment => enrolment::examine(&product, &mut report),
        }?;
    }
    let Report { checks, findings } = report;
    work.record(Event::Checked { checks, findings })
}
