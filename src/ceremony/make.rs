//! Making keys, certificates, signature lists and signed writes: each a step that is recorded.

use rayon::prelude::*;

use crate::error::{Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::firmware::authenticated_variable::{
    APPEND_ATTRIBUTES, ATTRIBUTES, AuthenticatedVariable, EfiTime, VariableName,
};
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::grub::openpgp::{GrubKey, UnsignedSignature};
use crate::keys::certificate::{Purpose, Request, self_signed};
use crate::keys::directory::{GRUB_PUBLIC_KEY, OWNER, REMOVE_PK};
use crate::keys::pkcs11::{TokenKey, TokenUri};
use crate::keys::{Identity, KeyName, Passphrase, Signer, SoftwareKey};
use crate::system::{Clock, Context};
use crate::trust::microsoft;

use super::import;
use super::plan::{PUBLIC, SECRET, protection};
use super::spec::{Place, Revocations, Spec, TokenPlace};
use super::transcript::{Event, FileRecord};
use super::work::{IMPORTED, Work};

/// Makes every file of a key directory that is not there yet.
pub(super) fn all(work: &mut Work<'_>) -> Result<()> {
    keys(work)?;
    for name in KeyName::CERTIFIED {
        certify(work, name)?;
    }
    grub_key(work)?;
    owner(work)?;
    variables(work)
}

/// Makes the keys with all cores and writes each to its file, or leaves it to its token.
fn keys(work: &mut Work<'_>) -> Result<()> {
    let missing: Vec<KeyName> = KeyName::ALL.into_iter().filter(|name| !work.has_key(*name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let imported = work.spec.imported()?;
    for (name, files) in &imported {
        if missing.contains(name) {
            work.step(&format!("taking the imported {name} key over"))?;
            let key = files.key(&mut |what| work.observer.ask(what))?;
            put(work, *name, &key)?;
        }
    }
    let here = |name: &KeyName| work.spec.is_backed_up(*name) && !imported.contains_key(name);
    let names: Vec<KeyName> = missing.iter().copied().filter(here).collect();
    work.step(&format!("making {} keys", missing.len()))?;
    let made: Vec<(KeyName, SoftwareKey)> = names
        .into_iter()
        .map(|name| (name, work.spec.key(name).bits))
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|(name, bits)| Ok((name, SoftwareKey::generate(&Context::host(), bits)?)))
        .collect::<Result<_>>()?;
    for (name, key) in made {
        put(work, name, &key)?;
    }
    for name in missing {
        if let Place::Token(token) = work.spec.key(name).place
            && !token.import
        {
            generate_on_token(work, name, &token)?;
        }
    }
    Ok(())
}

/// Puts a key in its place.
fn put(work: &mut Work<'_>, name: KeyName, key: &SoftwareKey) -> Result<()> {
    match work.spec.key(name).place {
        Place::Token(token) => put_on_token(work, name, &token, key),
        Place::Node => save(work, name, "node", key),
        Place::Offline => save(work, name, "offline", key),
    }
}

fn save(work: &mut Work<'_>, name: KeyName, place: &str, key: &SoftwareKey) -> Result<()> {
    let pem = key.to_pem(&work.began, work.spec.passphrase_of(name)?)?;
    let files = vec![work.file(place, &format!("{name}.key"), pem.as_bytes(), SECRET)?];
    made(work, name, key.public_key(), files)
}

fn made(work: &mut Work<'_>, name: KeyName, public: &RsaPublicKey, files: Vec<FileRecord>) -> Result<()> {
    work.record(Event::KeyMade {
        key: name.name().to_owned(),
        bits: public.bits(),
        protection: protection(work.spec, name).to_owned(),
        public_key: hex::encode(public.spki_der()),
        files,
    })
}

fn ask_pin(work: &Work<'_>, name: KeyName, token: &str) -> Result<Passphrase> {
    work.observer
        .ask(&format!("PIN of the token \"{token}\" for the {name} key"))
}

/// The identifier that a key has on its token: the one in the URI, or one that is written down before the key is made,
/// so that a run that was cut short finds its own key again and no other.
fn intend(work: &mut Work<'_>, name: KeyName, token: &TokenPlace) -> Result<TokenUri> {
    let intended = work.transcript.events().find_map(|event| match event {
        Event::KeyIntended { key, id } if key == name.name() => hex::decode(id).ok(),
        _ => None,
    });
    let id = if let Some(id) = intended {
        id
    } else {
        let own = token.parsed.id.clone();
        let id = match own {
            Some(id) => id,
            None => work.began.random::<16>()?.to_vec(),
        };
        let ask = &mut |token: &str| ask_pin(work, name, token);
        TokenKey::check_free(&token.parsed, ask)?;
        work.record(Event::KeyIntended {
            key: name.name().to_owned(),
            id: hex::encode(&id),
        })?;
        id
    };
    Ok(TokenUri {
        id: Some(id),
        ..token.parsed.clone()
    })
}

/// Lets the token make a key, and names it in the key directory.
fn generate_on_token(work: &mut Work<'_>, name: KeyName, token: &TokenPlace) -> Result<()> {
    work.step(&format!("the token makes the {name} key"))?;
    let uri = intend(work, name, token)?;
    let bits = work.spec.key(name).bits;
    let ask = &mut |token: &str| ask_pin(work, name, token);
    let key = TokenKey::generate(&uri, name.name(), bits, ask)?;
    name_on_token(work, name, &uri, key.public_key(), Vec::new())
}

/// Puts a key that was made here on its token. The file stays in the work directory until the backup is made.
fn put_on_token(work: &mut Work<'_>, name: KeyName, token: &TokenPlace, key: &SoftwareKey) -> Result<()> {
    work.step(&format!("putting the {name} key on its token"))?;
    // A key that a run before put there would be another one, of which no file is left.
    let uri = intend(work, name, token)?;
    let wrap = work
        .spec
        .the_passphrase(&format!("the {name} key is encrypted on its way to the token"))?;
    let pem = key.to_pem(&work.began, Some(wrap))?;
    let files = vec![work.file(IMPORTED, &format!("{name}.imported"), pem.as_bytes(), SECRET)?];
    let ask = &mut |token: &str| ask_pin(work, name, token);
    TokenKey::import(&uri, name.name(), key, ask)?;
    name_on_token(work, name, &uri, key.public_key(), files)
}

fn name_on_token(
    work: &mut Work<'_>,
    name: KeyName,
    uri: &TokenUri,
    public: &RsaPublicKey,
    mut files: Vec<FileRecord>,
) -> Result<()> {
    let line = format!("{uri}\n");
    files.push(work.file("keys", &format!("{name}.uri"), line.as_bytes(), PUBLIC)?);
    made(work, name, public, files)
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

/// An identity whose certificate is on the disk.
fn identity(work: &Work<'_>, name: KeyName) -> Result<Identity> {
    work.directory()?.identity(name, &mut |what| work.ask(name, what))
}

/// Issues a key's certificate and writes it in both forms.
fn certify(work: &mut Work<'_>, name: KeyName) -> Result<()> {
    if work.has(|event| matches!(event, Event::Certified { key, .. } if key == name.name())) {
        return Ok(());
    }
    let certificate = match work.spec.imported()?.get(&name) {
        Some(files) => {
            work.step(&format!("taking the imported {name} certificate over"))?;
            files.certificate()?
        }
        None => issue(work, name)?,
    };
    let pem = certificate
        .to_pem()
        .or_bug(|| format!("cannot encode the {name} certificate"))?;
    let files = vec![
        work.file("keys", &format!("{name}.pem"), pem.as_bytes(), PUBLIC)?,
        work.file("keys", &format!("{name}.der"), certificate.as_der(), PUBLIC)?,
    ];
    work.record(Event::Certified {
        key: name.name().to_owned(),
        subject: certificate.common_name(),
        fingerprint: certificate.fingerprint().to_hex(),
        not_after: Some(certificate.not_after()),
        files,
    })
}

fn issue(work: &Work<'_>, name: KeyName) -> Result<Certificate> {
    work.step(&format!("issuing its certificate to {name}"))?;
    let request = Request {
        common_name: work.spec.subject(name, work.began.date_time()?.year()),
        organization: None,
        purpose: purpose(name),
        years: work.spec.key(name).years,
    };
    self_signed(&work.began, work.signer(name)?.as_ref(), &request)
}

/// What a key's certificate states.
pub(crate) const fn purpose(name: KeyName) -> Purpose {
    match name {
        KeyName::Pk | KeyName::Kek => Purpose::Variables,
        KeyName::Db | KeyName::Module | KeyName::Grub => Purpose::Code,
    }
}

/// Writes GRUB's public key, with a user ID and a self-signature so that GnuPG takes it too.
fn grub_key(work: &mut Work<'_>) -> Result<()> {
    let name = KeyName::Grub;
    if work.has(|event| matches!(event, Event::Certified { key, .. } if key == name.name())) {
        return Ok(());
    }
    work.step("making GRUB's OpenPGP public key")?;
    let cannot = || "cannot make GRUB's OpenPGP key".to_owned();
    let user_id = work.spec.subject(name, work.began.date_time()?.year());
    let created = u32::try_from(work.began.now()?)
        .or_could_not_run(|| "the clock stands past 2106, which OpenPGP cannot hold".to_owned())?;
    let key = work.signer(name)?;
    let grub = GrubKey::new(key.public_key(), created).or_bug(cannot)?;
    let binding = UnsignedSignature::certification(&grub, &user_id, created).or_bug(cannot)?;
    let signature = key.sign(binding.to_be_signed())?;
    let exported = grub
        .export(&user_id, &binding.finish(&signature).or_bug(cannot)?)
        .or_bug(cannot)?;
    let files = vec![work.file("keys", GRUB_PUBLIC_KEY, &exported, PUBLIC)?];
    work.record(Event::Certified {
        key: name.name().to_owned(),
        subject: user_id,
        fingerprint: grub.fingerprint(),
        not_after: None,
        files,
    })
}

fn owner(work: &mut Work<'_>) -> Result<()> {
    step(work, "the owner's GUID", |work| {
        let imported = match (work.spec.owner, &work.spec.import) {
            (Some(owner), _) => Some(owner),
            (None, Some(directory)) => import::owner(directory)?,
            (None, None) => None,
        };
        let owner = match imported {
            Some(owner) => owner,
            None => Guid::from_random(work.began.random()?),
        };
        Ok(vec![(OWNER.to_owned(), format!("{owner}\n").into_bytes())])
    })
}

/// Writes the signature lists and the signed writes of the four variables.
fn variables(work: &mut Work<'_>) -> Result<()> {
    let now = moment(&work.began, 0)?;
    for (variable, own, signer) in [
        (VariableName::Pk, KeyName::Pk, KeyName::Pk),
        (VariableName::Kek, KeyName::Kek, KeyName::Pk),
        (VariableName::Db, KeyName::Db, KeyName::Kek),
    ] {
        step(work, &format!("the contents of {variable}"), |work| {
            let directory = work.directory()?;
            let own = directory.certificate(own)?;
            let lists = lists(work.spec, directory.owner()?, variable, &own).to_bytes();
            let update = identity(work, signer)?.sign_update(variable, ATTRIBUTES, now, lists.clone())?;
            Ok(vec![
                (format!("{variable}.esl"), lists),
                (format!("{variable}.auth"), update.to_bytes()),
            ])
        })?;
    }
    if let Some(revoked) = revocations(work.spec)? {
        step(work, "the revocations", |work| {
            let kek = identity(work, KeyName::Kek)?;
            let update = kek.sign_update(VariableName::Dbx, APPEND_ATTRIBUTES, now, revoked.to_bytes())?;
            Ok(vec![(format!("{}.auth", VariableName::Dbx), update.to_bytes())])
        })?;
    }
    step(work, "the removal of PK", |work| {
        // Later than PK's own write, or firmware would take it for a replay.
        let later = moment(&work.began, 1)?;
        let removal = identity(work, KeyName::Pk)?.sign_update(VariableName::Pk, ATTRIBUTES, later, Vec::new())?;
        Ok(vec![(REMOVE_PK.to_owned(), removal.to_bytes())])
    })
}

/// Makes some public files of the key directory, unless that is recorded.
fn step(
    work: &mut Work<'_>,
    what: &str,
    content: impl FnOnce(&Work<'_>) -> Result<Vec<(String, Vec<u8>)>>,
) -> Result<()> {
    if work.has(|event| matches!(event, Event::Made { what: known, .. } if known == what)) {
        return Ok(());
    }
    work.step(&format!("making {what}"))?;
    let files = content(work)?
        .iter()
        .map(|(name, bytes)| work.file("keys", name, bytes, PUBLIC))
        .collect::<Result<_>>()?;
    let what = what.to_owned();
    work.record(Event::Made { what, files })
}
