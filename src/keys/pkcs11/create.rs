//! New keys on a token: made by it, or made here and put there.

use std::path::Path;

use cryptoki::context::Pkcs11;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use cryptoki::session::Session;
use cryptoki::slot::Slot;

use crate::error::{Error, Explain, Result};

use super::super::passphrase::Passphrase;
use super::super::signer::Signer;
use super::super::software::SoftwareKey;
use super::pool::Pool;
use super::uri::TokenUri;
use super::{TokenKey, find_token, library_path, load, log_in, pkcs11_tool};

/// Asks for the PIN of the token with this label.
type AskPin<'a> = dyn FnMut(&str) -> Result<Passphrase> + 'a;

/// A token that is logged in to, for changes.
struct Writable {
    session: Session,
    /// The token, for people.
    name: String,
}

impl Writable {
    fn open(uri: &TokenUri, ask: &mut AskPin<'_>) -> Result<Self> {
        let path = library_path(uri)?;
        let library = load(&path)?;
        let (slot, token) = find_token(&library, uri, &path)?;
        let name = format!("the token \"{}\"", crate::formats::text::printable(token.label()));
        let session = Self::session(&library, slot, &name)?;
        let pool = Pool::of_slot(&path, &library, slot);
        let lease = pool
            .take()
            .or_could_not_run(|| format!("cannot open a session with {name}"))?;
        log_in(&pool, &lease, uri, ask)?;
        Ok(Self { session, name })
    }

    fn session(library: &Pkcs11, slot: Slot, name: &str) -> Result<Session> {
        library
            .open_rw_session(slot)
            .or_could_not_run(|| format!("cannot open a session for changes with {name}"))
    }

    fn has(&self, template: &[Attribute]) -> Result<bool> {
        let found = self.session.find_objects(template);
        Ok(!found
            .or_could_not_run(|| format!("cannot look through {}", self.name))?
            .is_empty())
    }
}

impl Writable {
    fn remove(&self, uri: &TokenUri) -> Result<()> {
        let cannot = || format!("cannot take the key off {}", self.name);
        let Some(id) = uri.id.clone().filter(|id| !id.is_empty()) else {
            return Ok(());
        };
        for left in self
            .session
            .find_objects(&[Attribute::Id(id)])
            .or_could_not_run(cannot)?
        {
            self.session.destroy_object(left).or_could_not_run(cannot)?;
        }
        Ok(())
    }
}

fn labels(uri: &TokenUri, fallback: &str) -> Vec<Attribute> {
    let label = uri.object.clone().unwrap_or_else(|| fallback.as_bytes().to_vec());
    let id = uri.id.clone().unwrap_or_default();
    vec![Attribute::Label(label), Attribute::Id(id), Attribute::Token(true)]
}

/// The attributes of a private key on a token: uses that it allows, and uses that it refuses.
fn private(uri: &TokenUri, fallback: &str) -> Vec<Attribute> {
    let mut template = labels(uri, fallback);
    template.extend([
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Decrypt(false),
        Attribute::Unwrap(false),
    ]);
    template
}

fn is_there(uri: &TokenUri) -> Vec<Attribute> {
    let mut template = vec![Attribute::Class(ObjectClass::PRIVATE_KEY)];
    template.extend(uri.object.clone().map(Attribute::Label));
    template.extend(uri.id.clone().map(Attribute::Id));
    template
}

impl TokenKey {
    /// Checks that the token can be reached and has no such key yet, since nothing is ever replaced.
    pub fn check_free(uri: &TokenUri, ask: &mut AskPin<'_>) -> Result<()> {
        let token = Writable::open(uri, ask)?;
        let there = |uri: &TokenUri| token.has(&is_there(uri));
        let by_label = TokenUri {
            id: None,
            ..uri.clone()
        };
        let by_id = TokenUri {
            object: None,
            ..uri.clone()
        };
        if (uri.object.is_some() && there(&by_label)?) || (uri.id.is_some() && there(&by_id)?) {
            let library = library_path(uri)?;
            return Err(Error::refused(format!("{} has such a key already", token.name))
                .hint("choose another object or id in the URI")
                .hint(format!("to see what there is: {}", list(&library))));
        }
        Ok(())
    }

    /// Lets the token make an RSA key that it never gives away, unless it has made the one with this identifier before.
    pub fn generate(uri: &TokenUri, label: &str, bits: u32, ask: &mut AskPin<'_>) -> Result<Self> {
        let token = Writable::open(uri, ask)?;
        if !token.has(&is_there(uri))? {
            let mut public = labels(uri, label);
            public.extend([
                Attribute::Verify(true),
                Attribute::Encrypt(false),
                Attribute::ModulusBits(u64::from(bits).into()),
                Attribute::PublicExponent(vec![1, 0, 1]),
            ]);
            let made = token
                .session
                .generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private(uri, label));
            made.or_could_not_run(|| format!("{} makes no RSA-{bits} key", token.name))?;
        }
        drop(token);
        let key = Self::open(uri, ask)?;
        if key.public_key().bits() == bits {
            return Ok(key);
        }
        Err(Error::refused(format!(
            "{} has {} bits where {bits} were asked for",
            key.name,
            key.public_key().bits()
        )))
    }

    /// Takes the objects with this identifier off the token, if they are there.
    pub fn remove(uri: &TokenUri, ask: &mut AskPin<'_>) -> Result<()> {
        Writable::open(uri, ask)?.remove(uri)
    }

    /// Puts a key on the token, from where it does not come back, in place of one with the same identifier that a run
    /// that was cut short put there.
    pub fn import(uri: &TokenUri, label: &str, key: &SoftwareKey, ask: &mut AskPin<'_>) -> Result<Self> {
        let token = Writable::open(uri, ask)?;
        let cannot = || format!("cannot put the key {label} on {}", token.name);
        token.remove(uri)?;
        let numbers = key.numbers()?;
        let modulus = || Attribute::Modulus(numbers.modulus.as_bytes().to_vec());
        let exponent = || Attribute::PublicExponent(numbers.public_exponent.as_bytes().to_vec());
        let mut public = labels(uri, label);
        public.extend([
            Attribute::Class(ObjectClass::PUBLIC_KEY),
            Attribute::KeyType(KeyType::RSA),
            Attribute::Verify(true),
            modulus(),
            exponent(),
        ]);
        let mut template = private(uri, label);
        template.extend([
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::KeyType(KeyType::RSA),
            modulus(),
            exponent(),
            Attribute::PrivateExponent(numbers.private_exponent.as_bytes().to_vec()),
            Attribute::Prime1(numbers.prime1.as_bytes().to_vec()),
            Attribute::Prime2(numbers.prime2.as_bytes().to_vec()),
            Attribute::Exponent1(numbers.exponent1.as_bytes().to_vec()),
            Attribute::Exponent2(numbers.exponent2.as_bytes().to_vec()),
            Attribute::Coefficient(numbers.coefficient.as_bytes().to_vec()),
        ]);
        for template in [public, template] {
            token.session.create_object(&template).or_could_not_run(cannot)?;
        }
        drop(token);
        let there = Self::open(uri, ask)?;
        if there.public_key() == key.public_key() {
            Ok(there)
        } else {
            Err(Error::could_not_run(format!(
                "{} is not the key that was put there",
                there.name
            )))
        }
    }
}

fn list(library: &Path) -> String {
    pkcs11_tool(library, "--login --list-objects --type privkey")
}
