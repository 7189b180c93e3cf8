//! Making keys, certificates, signature lists and signed writes.

use std::path::Path;

use rayon::prelude::*;

use crate::error::{Error, Explain, Result};
use crate::formats::authenticated_variable::{
    APPEND_ATTRIBUTES, ATTRIBUTES, AuthenticatedVariable, EfiTime, VariableName,
};
use crate::formats::certificate::Certificate;
use crate::formats::guid::Guid;
use crate::formats::openpgp::GrubKey;
use crate::formats::signature_list::SignatureDatabase;
use crate::keys::certificate::{Purpose, Request, self_signed};
use crate::keys::directory::{GRUB_PUBLIC_KEY, OWNER, REMOVE_PK};
use crate::keys::{Identity, KeyDirectory, KeyName, Signer, SoftwareKey};
use crate::system::{Clock, Context, NewFile};
use crate::trust::microsoft;

use super::{Revocations, Spec, bits};

/// Permission bits of all that is no private key; the directory's own keep others out.
const PUBLIC: u32 = 0o644;

/// Makes every file of a key directory.
pub(super) fn all(context: &Context, spec: &Spec, out: &Path) -> Result<()> {
    // One moment for all of it: the second between two certificates tells nobody anything.
    let context = &context.clone().with_clock(Clock::Fixed(context.now()?));
    let files = Files {
        context,
        directory: KeyDirectory::open(out)?,
    };
    let [pk, kek, db, module, grub] = make_keys(context, spec, &files.directory)?;
    let pk = files.certify(spec, KeyName::Pk, pk)?;
    let kek = files.certify(spec, KeyName::Kek, kek)?;
    let db = files.certify(spec, KeyName::Db, db)?;
    files.certify(spec, KeyName::Module, module)?;
    files.grub_key(spec, &grub)?;
    let owner = match spec.owner {
        Some(owner) => owner,
        None => Guid::from_random(context.random()?),
    };
    files.write(&files.directory.file_path(OWNER), format!("{owner}\n").as_bytes())?;
    files.variables(spec, owner, [&pk, &kek, &db])
}

/// Makes the five keys with all cores and writes each to its file.
fn make_keys(context: &Context, spec: &Spec, directory: &KeyDirectory) -> Result<[SoftwareKey; 5]> {
    let keys: Vec<SoftwareKey> = KeyName::ALL
        .into_par_iter()
        .map(|name| {
            let key = SoftwareKey::generate(context, bits(name))?;
            key.save(context, &directory.private_key_path(name), spec.passphrase_of(name)?)?;
            Ok(key)
        })
        .collect::<Result<_>>()?;
    keys.try_into().map_err(|_| Error::bug("a ceremony makes five keys"))
}

/// The moment of a signed write, `later` seconds after now.
fn moment(context: &Context, later: u64) -> Result<EfiTime> {
    let clock = Clock::Fixed(context.now()?.saturating_add(later));
    Ok(context.clone().with_clock(clock).date_time()?.into())
}

/// The revocations that go into dbx, if any do.
pub(super) fn revocations(spec: &Spec) -> Result<Option<SignatureDatabase>> {
    let cannot = || "cannot read Microsoft's revocation list".to_owned();
    match spec.dbx {
        Revocations::None => Ok(None),
        Revocations::Microsoft => {
            let update = AuthenticatedVariable::parse(microsoft::DBX_UPDATE_X64).or_bug(cannot)?;
            SignatureDatabase::parse(&update.payload).or_bug(cannot).map(Some)
        }
    }
}

/// The data of PK, KEK or db: our certificate, then Microsoft's.
fn lists(spec: &Spec, owner: Guid, variable: VariableName, own: &Certificate) -> SignatureDatabase {
    let mut database = SignatureDatabase::default();
    database.add_certificate(owner, own.as_der());
    for certificate in spec.microsoft.certificates(variable) {
        database.add_certificate(Guid::MICROSOFT, certificate.der);
    }
    database
}

/// The directory that is being made.
struct Files<'a> {
    context: &'a Context,
    directory: KeyDirectory,
}

impl Files<'_> {
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        NewFile {
            path,
            bytes,
            mode: PUBLIC,
        }
        .create(self.context)
    }

    /// Issues a key's certificate and writes it in both forms.
    fn certify(&self, spec: &Spec, name: KeyName, key: SoftwareKey) -> Result<Identity> {
        let request = Request {
            common_name: spec.subject(name, self.context.date_time()?.year()),
            organization: None,
            purpose: match name {
                KeyName::Pk | KeyName::Kek => Purpose::Variables,
                KeyName::Db | KeyName::Module | KeyName::Grub => Purpose::Code,
            },
            years: spec.years,
        };
        let certificate = self_signed(self.context, &key, &request)?;
        let pem = certificate
            .to_pem()
            .or_bug(|| format!("cannot encode the {name} certificate"))?;
        let path = self.directory.certificate_path(name);
        self.write(&path, pem.as_bytes())?;
        self.write(&path.with_extension("der"), certificate.as_der())?;
        Ok(Identity {
            name: name.name().to_owned(),
            certificate,
            signer: Box::new(key),
        })
    }

    /// Writes GRUB's public key, with a user ID and a self-signature so that GnuPG takes it too.
    fn grub_key(&self, spec: &Spec, key: &SoftwareKey) -> Result<()> {
        let cannot = || "cannot make GRUB's OpenPGP key".to_owned();
        let user_id = spec.subject(KeyName::Grub, self.context.date_time()?.year());
        let created = u32::try_from(self.context.now()?)
            .or_could_not_run(|| "the clock stands past 2106, which OpenPGP cannot hold".to_owned())?;
        let grub = GrubKey::new(key.public_key(), created).or_bug(cannot)?;
        let binding = grub.certify(&user_id, created).or_bug(cannot)?;
        let signature = key.sign(binding.to_be_signed())?;
        let exported = grub
            .export(&user_id, &binding.finish(&signature).or_bug(cannot)?)
            .or_bug(cannot)?;
        self.write(&self.directory.file_path(GRUB_PUBLIC_KEY), &exported)
    }

    /// Writes the signature lists and the signed writes of the four variables.
    fn variables(&self, spec: &Spec, owner: Guid, [pk, kek, db]: [&Identity; 3]) -> Result<()> {
        let now = moment(self.context, 0)?;
        let signed = [
            (VariableName::Pk, pk, pk),
            (VariableName::Kek, kek, pk),
            (VariableName::Db, db, kek),
        ];
        for (variable, own, signer) in signed {
            let lists = lists(spec, owner, variable, &own.certificate).to_bytes();
            self.write(&self.directory.lists_path(variable), &lists)?;
            let update = signer.sign_update(variable, ATTRIBUTES, now, lists)?;
            self.write(&self.directory.update_path(variable), &update.to_bytes())?;
        }
        if let Some(revoked) = revocations(spec)? {
            let update = kek.sign_update(VariableName::Dbx, APPEND_ATTRIBUTES, now, revoked.to_bytes())?;
            self.write(&self.directory.update_path(VariableName::Dbx), &update.to_bytes())?;
        }
        // Later than PK's own write, or firmware would take it for a replay.
        let removal = pk.sign_update(VariableName::Pk, ATTRIBUTES, moment(self.context, 1)?, Vec::new())?;
        self.write(&self.directory.file_path(REMOVE_PK), &removal.to_bytes())
    }
}
