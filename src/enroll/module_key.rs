//! The modules of the running kernel, as far as they depend on a certificate in db.

use crate::disk::files_below;
use crate::formats::crypto::certificate::Certificate;
use crate::formats::kernel::compression::Compression;
use crate::formats::text::Shown;
use crate::system::{self, Context};
use crate::trust::kernel::KernelTrust;
use crate::trust::module::names_signer;

/// The directory of modules, in which each kernel has a directory of its own.
const MODULES: &str = "/lib/modules";

/// A module of the running kernel that names this certificate as its signer, if this kernel has nothing but db to find it in. One
/// stands for all: they are signed together.
pub(super) fn module_that_needs(context: &Context, certificate: &Certificate) -> Option<String> {
    let release = system::running_release(context).ok()?;
    let files = files_below(&context.path(MODULES).join(&release), &mut Vec::new());
    let is_module = |name: &str| {
        [".ko", ".ko.xz", ".ko.zst", ".ko.gz"]
            .iter()
            .any(|ending| name.ends_with(ending))
    };
    let first = files
        .into_iter()
        .find(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_module))?;
    let file = system::read(&first).ok()?;
    let module = Compression::from_magic(&file).unpack(&file).ok()?;
    let depends =
        names_signer(&module, certificate) && KernelTrust::read(context, &release, None).asks_db_alone_for(certificate);
    depends.then(|| first.shown())
}
