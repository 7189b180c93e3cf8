//! A file that is too large to be held, judged as [`examine`](super::examine::examine) judges others: as a module, and as a file that
//! GRUB opens. Firmware's images are held whatever their size, and nothing else is as large.

use crate::formats::kernel::compression::MAX_MODULE;
use crate::system::Passes;

use super::anchors::Anchors;
use super::examine::{Judgement, Kind, grub_judgement, module_judgement};
use super::grub;
use super::module_read::ReadModule;

/// Bytes at the beginning of an ELF file.
const ELF: &[u8] = b"\x7fELF";

/// Judges a file; `signature` is the content of the `.sig` beside it.
#[must_use]
pub fn examine_large(file: &Passes, signature: Option<&[u8]>, anchors: &Anchors) -> Vec<Judgement> {
    let mut judgements = Vec::new();
    match ReadModule::read(&|| file.open(), MAX_MODULE) {
        Ok(Some(read)) if is_module(&read) => {
            let judged = read.judge(&anchors.modules).map_err(|refusal| refusal.to_string());
            let judged = judged.map(|signature| (signature.certificate.common_name(), signature.hash.name()));
            judgements.push(module_judgement(judged, file.kernel_unpacks()));
        }
        // A file for GRUB alone may be of any size, and need not be packed as it begins.
        _ if signature.is_some() => {}
        Ok(Some(_)) => {
            let verdict = Err("not signed: no signature in the file, and no .sig beside it".to_owned());
            judgements.push(Judgement::new(Kind::Unknown, Vec::new(), verdict));
        }
        Ok(None) => {
            let verdict = Err(format!(
                "it could not be looked at: it has more than {MAX_MODULE} bytes"
            ));
            judgements.push(Judgement::new(Kind::Unknown, Vec::new(), verdict));
        }
        Err(error) => {
            let verdict = Err(format!("cannot unpack: {error}"));
            judgements.push(Judgement::new(Kind::Unknown, Vec::new(), verdict));
        }
    }
    if let Some(signature) = signature {
        let judged = file.open_packed().map_err(|error| error.to_string());
        let judged = judged.and_then(|mut data| {
            let judged = grub::judge_read(&mut data, Some(signature), &anchors.grub);
            judged.map_err(|refusal| refusal.to_string())
        });
        judgements.push(grub_judgement(judged));
    }
    judgements
}

fn is_module(read: &ReadModule) -> bool {
    let is_signed = read.outline.module().map_or(true, |module| module.signature.is_some());
    is_signed || read.outline.start().starts_with(ELF)
}
