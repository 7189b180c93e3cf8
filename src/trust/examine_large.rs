//! A file that is too large to be held, judged as [`examine`](super::examine::examine) judges others: as an image for firmware, as a
//! module, and as a file that GRUB opens. Nothing else is as large.

use std::io;

use crate::formats::firmware::authenticode::Ends;
use crate::formats::grub::core_image::SECTION as GRUB_MODULES;
use crate::formats::kernel::compression::{Compression, MAX_HELD, MAX_MODULE};
use crate::system::Passes;

use super::anchors::Anchors;
use super::examine::{Judgement, Kind, grub_judgement, image_judgement, module_judgement};
use super::grub;
use super::image::Policy;
use super::module_read::ReadModule;

/// Bytes at the beginning of an image for firmware.
const IMAGE: &[u8] = b"MZ";
/// Bytes at the beginning of an ELF file.
const ELF: &[u8] = b"\x7fELF";

/// Judges a file; `signature` is the content of the `.sig` beside it.
#[must_use]
pub fn examine_large(file: &Passes, signature: Option<&[u8]>, anchors: &Anchors) -> Vec<Judgement> {
    let mut judgements = Vec::new();
    match examine_image(file, anchors) {
        Ok(None) => judgements.extend(examine_module(file, signature.is_some(), anchors)),
        Ok(Some(judged)) => judgements.extend(judged),
        Err(error) => judgements.push(Judgement::new(Kind::EfiImage, Vec::new(), Err(error.to_string()))),
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

/// Judges an image for firmware; none if it is not one.
fn examine_image(file: &Passes, anchors: &Anchors) -> io::Result<Option<Vec<Judgement>>> {
    if file.compression() != Compression::None || !file.content()?.starts_with(IMAGE)? {
        return Ok(None);
    }
    let content = file.content()?;
    let ends = Ends::read(&mut content.open())?;
    let policy = Policy::new(&anchors.db, &anchors.dbx);
    let image = match ends.image(&mut content.open(), &policy.image_hashes())? {
        Ok(image) => image,
        Err(error) => {
            let refused = Judgement::new(Kind::EfiImage, Vec::new(), Err(error.to_string()));
            return Ok(Some(vec![refused]));
        }
    };
    let mut judgements = vec![image_judgement(image.known(), &policy)];
    if image.known().section(GRUB_MODULES).is_some() {
        let verdict = Err(format!(
            "it could not be looked at: an image of GRUB that has more than {MAX_HELD} bytes"
        ));
        judgements.push(Judgement::new(Kind::GrubImage, Vec::new(), verdict));
    }
    Ok(Some(judgements))
}

/// Judges what is no image: as a module, unless it is a file for GRUB alone.
fn examine_module(file: &Passes, is_for_grub: bool, anchors: &Anchors) -> Option<Judgement> {
    match ReadModule::read(&|| file.open(), MAX_MODULE) {
        Ok(Some(read)) if is_module(&read) => {
            let judged = read.judge(&anchors.modules).map_err(|refusal| refusal.to_string());
            let judged = judged.map(|signature| (signature.certificate.common_name(), signature.hash.name()));
            Some(module_judgement(judged, file.kernel_unpacks()))
        }
        // A file for GRUB alone may be of any size, and need not be packed as it begins.
        _ if is_for_grub => None,
        Ok(Some(_)) => {
            let verdict = Err("not signed: no signature in the file, and no .sig beside it".to_owned());
            Some(Judgement::new(Kind::Unknown, Vec::new(), verdict))
        }
        Ok(None) => {
            let verdict = Err(format!(
                "it could not be looked at: it has more than {MAX_MODULE} bytes"
            ));
            Some(Judgement::new(Kind::Unknown, Vec::new(), verdict))
        }
        Err(error) => {
            let verdict = Err(format!("cannot unpack: {error}"));
            Some(Judgement::new(Kind::Unknown, Vec::new(), verdict))
        }
    }
}

fn is_module(read: &ReadModule) -> bool {
    let is_signed = read.outline.module().map_or(true, |module| module.signature.is_some());
    is_signed || read.outline.start().starts_with(ELF)
}
