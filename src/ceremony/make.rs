//! The steps that make keys, certificates, signature lists and signed writes.

use rayon::prelude::*;

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::firmware::authenticated_variable::{APPEND_ATTRIBUTES, ATTRIBUTES, EfiTime, VariableName};
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::grub::openpgp::{GrubKey, UnsignedSignature};
use crate::keys::certificate::{Request, self_signed};
use crate::keys::directory::{GRUB_PUBLIC_KEY, OWNER, REMOVE_PK};
use crate::keys::pkcs11::{TokenKey, TokenUri};
use crate::keys::{Identity, KeyName, Passphrase, Signer, SoftwareKey};
use crate::system::{Clock, Context, wiping_stack};
use crate::trust::microsoft;

use super::import::find_owner;
use super::layout::{PUBLIC, SECRET, WORK_ONLY, removal_place};
use super::plan::protection;
use super::spec::{Place, Spec, TokenPlace, purpose};
use super::step::{KeySource, KeyStep, Step};
use super::transcript::{Event, FileRecord};
use super::work::Work;

/// Makes a private key, or takes it over, and puts it in its place.
pub(super) fn key(work: &mut Work<'_>, step: KeyStep) -> Result<()> {
    let name = step.name;
    let key = match step.source {
        KeySource::Generated => generated(work, name)?,
        KeySource::Imported if name == KeyName::Grub => {
            let file = work.spec.imported_grub_key()?;
            let file = file.ok_or_else(|| Error::bug("GRUB's key is imported from nowhere"))?;
            file.open(&mut |_| work.observer.ask(&name.secret_in(file.path())))?
        }
        KeySource::Imported => {
            let files = work.spec.imported()?;
            let files = files
                .get(&name)
                .ok_or_else(|| Error::refused(format!("the {name} key that is to be imported is gone")))?;
            files.key(&mut |path| work.observer.ask(&name.secret_in(path)))?
        }
        KeySource::Token => return generate_on_token(work, step),
    };
    match work.spec.key(name).place {
        Place::Token(token) => put_on_token(work, name, &token, &key),
        Place::Node => save(work, name, "node", &key),
        Place::Offline => save(work, name, "offline", &key),
    }
}

/// A new key. Keys are made with all cores, so the first of these steps makes those of the later ones too.
fn generated(work: &mut Work<'_>, name: KeyName) -> Result<SoftwareKey> {
    if !work.generated.contains_key(&name) {
        let mut missing = Vec::new();
        for step in work.steps()? {
            if let Step::Key(key) = &step
                && key.source == KeySource::Generated
                && !step.is_done(&work.transcript)?
            {
                missing.push(*key);
            }
        }
        work.generated = missing
            .into_par_iter()
            .map(|key| {
                let made = wiping_stack(|| SoftwareKey::generate(&Context::host(), key.bits))?;
                Ok((key.name, made))
            })
            .collect::<Result<_>>()?;
    }
    let key = work.generated.remove(&name);
    key.ok_or_else(|| Error::bug(format!("the {name} key was not made")))
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
        Event::KeyIntended { key, id } if key == name.name() => Some(id.clone()),
        _ => None,
    });
    let id = if let Some(id) = intended {
        hex::decode(&id).or_refuse(|| format!("the transcript does not name the {name} key on its token"))?
    } else {
        let id = match token.parsed.id.clone() {
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
fn generate_on_token(work: &mut Work<'_>, step: KeyStep) -> Result<()> {
    let KeyStep { name, bits, .. } = step;
    let Place::Token(token) = work.spec.key(name).place else {
        return Err(Error::bug(format!(
            "the {name} key is to be made by a token, and has none"
        )));
    };
    let uri = intend(work, name, &token)?;
    let ask = &mut |token: &str| ask_pin(work, name, token);
    let key = TokenKey::generate(&uri, name.name(), bits, ask)?;
    name_on_token(work, name, &uri, key.public_key(), Vec::new())
}

/// Puts a key that was made here on its token. The file stays in the work directory until the backup is made.
fn put_on_token(work: &mut Work<'_>, name: KeyName, token: &TokenPlace, key: &SoftwareKey) -> Result<()> {
    // A key that a run before put there would be another one, of which no file is left.
    let uri = intend(work, name, token)?;
    let wrap = work
        .spec
        .required_passphrase(&format!("the {name} key is encrypted on its way to the token"))?;
    let pem = key.to_pem(&work.began, Some(wrap))?;
    let files = vec![work.file(WORK_ONLY, &format!("{name}.imported"), pem.as_bytes(), SECRET)?];
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

/// The time of a signed write, `later` seconds after the moment of the ceremony.
fn moment(context: &Context, later: u64) -> Result<EfiTime> {
    let now = context.now()?;
    let later = now
        .checked_add(later)
        .ok_or_else(|| Error::bug("the clock stands at its end"))?;
    let clock = Clock::Fixed(later);
    Ok(context.clone().with_clock(clock).date_time()?.into())
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
    work.directory()?.identity(name, &mut |secret| work.ask(name, secret))
}

/// Issues a key's certificate, or takes an imported one over, and writes it in both forms.
pub(super) fn certificate(work: &mut Work<'_>, name: KeyName) -> Result<()> {
    let certificate = match work.spec.imported()?.get(&name) {
        Some(files) => files.certificate()?,
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
    let request = Request {
        common_name: work.spec.subject(name, work.began.date_time()?.year()),
        organization: None,
        purpose: purpose(name),
        years: work.spec.key(name).years,
    };
    self_signed(&work.began, work.signer(name)?.as_ref(), &request)
}

/// Writes GRUB's public key, with a user ID and a self-signature so that GnuPG takes it too.
pub(super) fn grub_key(work: &mut Work<'_>) -> Result<()> {
    let name = KeyName::Grub;
    let cannot = || "cannot make GRUB's OpenPGP key".to_owned();
    let user_id = work.spec.subject(name, work.began.date_time()?.year());
    let now = u32::try_from(work.began.now()?)
        .or_could_not_run(|| "the clock stands past 2106, which OpenPGP cannot hold".to_owned())?;
    // The moment is a part of the fingerprint, by which GRUB looks up who signed: one that was made elsewhere keeps its own.
    let imported = work.spec.imported_grub_key()?;
    let created = imported.map_or(now, |imported| imported.public().created());
    let key = work.signer(name)?;
    let grub = GrubKey::new(key.public_key(), created).or_bug(cannot)?;
    let binding = UnsignedSignature::certification(&grub, &user_id, now.max(created)).or_bug(cannot)?;
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

/// A public file of the key directory: name and content.
type Product = (String, Vec<u8>);

/// Makes public files of the key directory, and records them under the name of their step.
pub(super) fn files(work: &mut Work<'_>, step: &Step) -> Result<()> {
    let products = match step {
        Step::Owner => vec![owner(work)?],
        Step::Lists(variable) => signed_lists(work, *variable)?,
        Step::Revocations => vec![signed_revocations(work)?],
        Step::RemovalOfPk => vec![removal_of_pk(work)?],
        _ => Vec::new(),
    };
    let what = step.product().filter(|_| !products.is_empty());
    let what = what.ok_or_else(|| Error::bug("a step makes no file of the key directory"))?;
    let place = if *step == Step::RemovalOfPk {
        removal_place(work.spec)
    } else {
        "keys"
    };
    let files = products
        .iter()
        .map(|(name, bytes)| work.file(place, name, bytes, PUBLIC))
        .collect::<Result<_>>()?;
    work.record(Event::Made { what, files })
}

fn owner(work: &Work<'_>) -> Result<Product> {
    let known = match (work.spec.owner, &work.spec.import) {
        (Some(owner), _) => Some(owner),
        (None, Some(directory)) => find_owner(directory)?,
        (None, None) => None,
    };
    let owner = match known {
        Some(owner) => owner,
        None => Guid::from_random(work.began.random()?),
    };
    Ok((OWNER.to_owned(), format!("{owner}\n").into_bytes()))
}

/// The signature lists of a variable, and the write of them that the key above signs.
fn signed_lists(work: &Work<'_>, variable: VariableName) -> Result<Vec<Product>> {
    let (own, signer) = match variable {
        VariableName::Pk => (KeyName::Pk, KeyName::Pk),
        VariableName::Kek => (KeyName::Kek, KeyName::Pk),
        VariableName::Db => (KeyName::Db, KeyName::Kek),
        VariableName::Dbx => return Err(Error::bug("no key of the ceremony is in dbx")),
    };
    let directory = work.directory()?;
    let own = directory.certificate(own)?;
    let lists = lists(work.spec, directory.owner()?, variable, &own).to_bytes();
    let time = moment(&work.began, 0)?;
    let update = identity(work, signer)?.sign_update(variable, ATTRIBUTES, time, lists.clone())?;
    Ok(vec![
        (format!("{variable}.esl"), lists),
        (format!("{variable}.auth"), update.to_bytes()),
    ])
}

fn signed_revocations(work: &Work<'_>) -> Result<Product> {
    let revoked = microsoft::revocations()?.to_bytes();
    let time = moment(&work.began, 0)?;
    let update = identity(work, KeyName::Kek)?.sign_update(VariableName::Dbx, APPEND_ATTRIBUTES, time, revoked)?;
    Ok((format!("{}.auth", VariableName::Dbx), update.to_bytes()))
}

fn removal_of_pk(work: &Work<'_>) -> Result<Product> {
    // Later than PK's own write, or firmware would take it for a replay.
    let later = moment(&work.began, 1)?;
    let removal = identity(work, KeyName::Pk)?.sign_update(VariableName::Pk, ATTRIBUTES, later, Vec::new())?;
    Ok((REMOVE_PK.to_owned(), removal.to_bytes()))
}
