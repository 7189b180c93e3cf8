//! Private keys on tokens: smart cards, security keys and hardware security modules behind a PKCS#11 library.

mod create;
mod pool;
mod uri;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as TokenError, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::crypto::hash::Digest;
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::text::{Shown, printable};
use crate::system::check_ours;

use super::passphrase::Passphrase;
use super::signer::Signer;
use pool::{Lease, Pool};
pub use uri::{TokenUri, UriError};

/// The directories in which distributions put PKCS#11 libraries.
const LIBRARIES: [&str; 7] = [
    "/usr/lib64/pkcs11",
    "/usr/lib/pkcs11",
    "/usr/lib/x86_64-linux-gnu/pkcs11",
    "/usr/lib/aarch64-linux-gnu/pkcs11",
    "/usr/lib/softhsm",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib64",
];
/// The library of p11-kit for all tokens of the machine, which is used where the URI names none.
const PROXY: &str = "p11-kit-proxy";

/// A private key on a token, which the token never gives away.
pub struct TokenKey {
    /// The key, for people.
    name: String,
    public: RsaPublicKey,
    key: ObjectHandle,
    sessions: Arc<Pool>,
}

impl TokenKey {
    /// Finds the key, and logs in to its token. The PIN comes from `pin-source`, or else from `ask`, which is called
    /// with the token's label.
    pub fn open(uri: &TokenUri, ask: &mut dyn FnMut(&str) -> Result<Passphrase>) -> Result<Self> {
        let path = library_path(uri)?;
        let library = load(&path)?;
        let (slot, token) = find_token(&library, uri, &path)?;
        let name = key_name(uri, &token);
        let sessions = Pool::of_slot(&path, &library, slot);
        let lease = sessions
            .take()
            .or_could_not_run(|| format!("cannot open a session for {name}"))?;
        log_in(&sessions, &lease, uri, ask)?;
        let key = find_key(&sessions, &lease, uri, &name)?;
        let public = lease
            .with(|session| public_parts(session, key))
            .or_could_not_run(|| format!("cannot read the public half of {name}"))?;
        let (modulus, exponent) =
            public.ok_or_else(|| Error::could_not_run(format!("{name} shows neither modulus nor public exponent")))?;
        let public =
            RsaPublicKey::from_parts(&modulus, &exponent).or_refuse(|| format!("{name} is no RSA key to sign with"))?;
        drop(lease);
        Ok(Self {
            name,
            public,
            key,
            sessions,
        })
    }
}

impl Signer for TokenKey {
    fn public_key(&self) -> &RsaPublicKey {
        &self.public
    }

    fn sign(&self, digest: &Digest) -> Result<Vec<u8>> {
        let mut encoded = digest.algorithm().digest_info_prefix().to_vec();
        encoded.extend_from_slice(digest.as_bytes());
        // The login counts for all sessions of this process.
        let lease = self.sessions.take().map_err(|error| explain(&self.name, error))?;
        let signature = lease
            .with(|session| session.sign(&Mechanism::RsaPkcs, self.key, &encoded))
            .map_err(|error| explain(&self.name, error))?;
        drop(lease);
        // A token that errs in one half of the computation would give the key away to whoever sees the result.
        self.public
            .verify(digest, &signature)
            .or_could_not_run(|| format!("{} made a signature that does not hold", self.name))?;
        Ok(signature)
    }
}

fn library_path(uri: &TokenUri) -> Result<PathBuf> {
    if let Some(path) = &uri.module_path {
        return Ok(path.clone());
    }
    let name = uri.module_name.as_deref().unwrap_or(PROXY);
    let candidates = LIBRARIES.into_iter().flat_map(|directory| {
        [format!("{name}.so"), format!("lib{name}.so")].map(|file| Path::new(directory).join(file))
    });
    let found = candidates.into_iter().find(|path| path.is_file());
    found.ok_or_else(|| {
        Error::could_not_run(format!("there is no PKCS#11 library {name} in the usual places"))
            .hint("name the library of the token in the URI: ?module-path=/usr/lib/softhsm/libsofthsm2.so")
    })
}

/// The command that lists the objects of a token. Without the library, the tool looks at smart cards alone.
fn pkcs11_tool(library: &Path, arguments: &str) -> String {
    format!("pkcs11-tool --module {} {arguments}", quoted(library))
}

fn load(path: &Path) -> Result<Pkcs11> {
    let cannot = || format!("cannot use the PKCS#11 library {}", path.shown());
    let why = if cfg!(target_feature = "crt-static") {
        Some("is linked statically")
    } else if cfg!(not(feature = "pkcs11")) {
        Some("was built without the feature pkcs11")
    } else {
        None
    };
    if let Some(why) = why {
        return Err(Error::could_not_run(format!(
            "this bootseal {why}, and loads no library: {} stays closed",
            path.shown()
        ))
        .hint("for keys on tokens, use a build whose --version names pkcs11, as that of packages does")
        .hint(
            "or let the machine with the token sign, and carry that over: bootseal sign efi --prepare FILE.tbs FILE",
        ));
    }
    // It runs in this process, and sees the PIN.
    check_ours(path)?;
    let library = Pkcs11::new(path)
        .or_could_not_run(cannot)
        .map_err(|error| error.hint("name the library that came with the token in the URI: ?module-path=PATH"))?;
    match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // Another key of this process is behind the same library.
        Ok(()) | Err(TokenError::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(library),
        Err(error) => Err(error).or_could_not_run(cannot),
    }
}

/// The only token that fits the URI.
fn find_token(library: &Pkcs11, uri: &TokenUri, path: &Path) -> Result<(Slot, TokenInfo)> {
    let cannot = || format!("cannot list the tokens of {}", path.shown());
    let mut found = Vec::new();
    let mut labels = Vec::new();
    for slot in library.get_slots_with_initialized_token().or_could_not_run(cannot)? {
        let token = library.get_token_info(slot).or_could_not_run(cannot)?;
        labels.push(format!("\"{}\"", printable(token.label())));
        if is_meant(uri, slot, &token) {
            found.push((slot, token));
        }
    }
    let there = if labels.is_empty() {
        "there is none".to_owned()
    } else {
        format!("there are {}", labels.join(", "))
    };
    match (found.pop(), found.is_empty()) {
        (Some(token), true) => Ok(token),
        (Some(_), false) => Err(
            Error::refused(format!("several tokens fit the URI: {there} behind {}", path.shown()))
                .hint("add serial=NUMBER to the URI"),
        ),
        (None, _) => Err(
            Error::could_not_run(format!("no token fits the URI: {there} behind {}", path.shown())).hint(format!(
                "plug the token in; to see what there is: {}",
                pkcs11_tool(path, "--list-slots")
            )),
        ),
    }
}

fn is_meant(uri: &TokenUri, slot: Slot, token: &TokenInfo) -> bool {
    let fits = |wanted: &Option<String>, own: &str| wanted.as_ref().is_none_or(|wanted| wanted == own);
    fits(&uri.token, token.label())
        && fits(&uri.manufacturer, token.manufacturer_id())
        && fits(&uri.serial, token.serial_number())
        && fits(&uri.model, token.model())
        && uri.slot_id.is_none_or(|wanted| wanted == slot.id())
}

fn key_name(uri: &TokenUri, token: &TokenInfo) -> String {
    let key = match (&uri.object, &uri.id) {
        (Some(label), _) => format!("\"{}\"", printable(&String::from_utf8_lossy(label))),
        (None, Some(id)) => format!("with the id {}", hex::encode(id)),
        (None, None) => String::new(),
    };
    format!("the key {key} on the token \"{}\"", printable(token.label()))
}

/// Logs in, once for all keys of a token. A wrong PIN is never tried again, since tokens lock themselves.
fn log_in(
    pool: &Pool,
    lease: &Lease<'_>,
    uri: &TokenUri,
    ask: &mut dyn FnMut(&str) -> Result<Passphrase>,
) -> Result<()> {
    let cannot = || "cannot ask the token for its state".to_owned();
    let token = pool.token().or_could_not_run(cannot)?;
    let state = lease
        .with(Session::get_session_info)
        .or_could_not_run(cannot)?
        .session_state();
    if !token.login_required() || matches!(state, SessionState::RoUser | SessionState::RwUser) {
        return Ok(());
    }
    let label = printable(token.label());
    let locked = || {
        Error::refused(format!("the PIN of the token \"{label}\" is locked")).hint(format!(
            "the token's security officer can set a new one: {}",
            pkcs11_tool(&pool.path, "--login --login-type so --init-pin")
        ))
    };
    let by_hand = || pkcs11_tool(&pool.path, "--login --list-objects");
    if token.user_pin_locked() {
        return Err(locked());
    }
    if token.user_pin_final_try() {
        return Err(Error::refused(format!(
            "one more wrong PIN locks the token \"{label}\", so none is tried from here"
        ))
        .hint(format!("log in once by hand with the right one: {}", by_hand())));
    }
    let logged_in = if token.protected_authentication_path() {
        lease.with(|session| session.login(UserType::User, None))
    } else {
        let pin = match &uri.pin_source {
            Some(path) => Passphrase::from_file(path)?,
            None => ask(&label)?,
        };
        lease.with(|session| session.login(UserType::User, Some(&AuthPin::from(pin.danger_reveal()))))
    };
    match logged_in {
        Ok(()) | Err(TokenError::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(TokenError::Pkcs11(RvError::PinLocked, _)) => Err(locked()),
        Err(TokenError::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
            let left = match pool.token() {
                Ok(token) if token.user_pin_locked() => return Err(locked()),
                Ok(token) if token.user_pin_final_try() => "; one more wrong PIN locks it",
                Ok(token) if token.user_pin_count_low() => "; only a few more tries are left",
                _ => "",
            };
            Err(
                Error::refused(format!("the PIN of the token \"{label}\" is wrong{left}")).hint(format!(
                    "it was tried once; to see whether another is right: {}",
                    by_hand()
                )),
            )
        }
        Err(error) => Err(error).or_could_not_run(|| format!("cannot log in to the token \"{label}\"")),
    }
}

/// The only private RSA key that fits the URI.
fn find_key(pool: &Pool, lease: &Lease<'_>, uri: &TokenUri, name: &str) -> Result<ObjectHandle> {
    let mut template = vec![
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(KeyType::RSA),
    ];
    template.extend(uri.object.clone().map(Attribute::Label));
    template.extend(uri.id.clone().map(Attribute::Id));
    let keys = lease
        .with(|session| session.find_objects(&template))
        .or_could_not_run(|| format!("cannot look for {name}"))?;
    let show = || pkcs11_tool(&pool.path, "--login --list-objects --type privkey");
    match keys.as_slice() {
        [key] => Ok(*key),
        [] => Err(
            Error::could_not_run(format!("{name} is not there, or is no private RSA key"))
                .hint(format!("to see what there is: {}", show())),
        ),
        several => Err(Error::refused(format!("{name} is there {} times", several.len()))
            .hint(format!("add id=%XX to the URI; to see the identifiers: {}", show()))),
    }
}

/// Modulus and public exponent, big-endian.
type PublicParts = (Vec<u8>, Vec<u8>);

/// The public half: from the private key, or where the token does not show them there, from the public key
/// with the same identifier.
fn public_parts(session: &Session, key: ObjectHandle) -> std::result::Result<Option<PublicParts>, TokenError> {
    let mut objects = vec![key];
    for attribute in session.get_attributes(key, &[AttributeType::Id])? {
        if matches!(&attribute, Attribute::Id(id) if !id.is_empty()) {
            objects.extend(session.find_objects(&[Attribute::Class(ObjectClass::PUBLIC_KEY), attribute])?);
        }
    }
    for object in objects {
        let wanted = [AttributeType::Modulus, AttributeType::PublicExponent];
        let (mut modulus, mut exponent) = (None, None);
        for attribute in session.get_attributes(object, &wanted)? {
            match attribute {
                Attribute::Modulus(bytes) => modulus = Some(bytes),
                Attribute::PublicExponent(bytes) => exponent = Some(bytes),
                _ => {}
            }
        }
        if let (Some(modulus), Some(exponent)) = (modulus, exponent) {
            return Ok(Some((modulus, exponent)));
        }
    }
    Ok(None)
}

/// The error for a failure in the middle of the work.
fn explain(name: &str, error: TokenError) -> Error {
    let hint = match &error {
        TokenError::Pkcs11(
            RvError::DeviceRemoved
            | RvError::DeviceError
            | RvError::TokenNotPresent
            | RvError::SessionClosed
            | RvError::SessionHandleInvalid
            | RvError::KeyHandleInvalid
            | RvError::SlotIdInvalid,
            _,
        ) => Some("plug the token in, and run the command again: what is signed stays so"),
        TokenError::Pkcs11(RvError::UserNotLoggedIn, _) => Some(
            "the token was taken out, or wants its PIN for every signature (CKA_ALWAYS_AUTHENTICATE): plug it in, or use a \
             key without that",
        ),
        _ => None,
    };
    let failed = Error::could_not_run(format!("{name} made no signature")).caused_by(error);
    match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}
