//! Sessions with a token. Some tokens allow only one, so all keys of a token share them, and a thread that finds none
//! waits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error as TokenError, RvError};
use cryptoki::session::Session;
use cryptoki::slot::{Slot, TokenInfo};

/// The sessions of this process with one token.
pub(super) struct Pool {
    /// The library that speaks to the token.
    pub path: PathBuf,
    library: Pkcs11,
    slot: Slot,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Session>,
    /// Sessions that are open, idle or not.
    open: usize,
}

impl Pool {
    /// The pool of the token in this slot of this library.
    pub(super) fn of_slot(path: &Path, library: &Pkcs11, slot: Slot) -> Arc<Self> {
        static POOLS: Mutex<BTreeMap<(PathBuf, u64), Arc<Pool>>> = Mutex::new(BTreeMap::new());
        let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = pools.entry((path.to_path_buf(), slot.id())).or_insert_with(|| {
            Arc::new(Self {
                path: path.to_path_buf(),
                library: library.clone(),
                slot,
                state: Mutex::default(),
                returned: Condvar::new(),
            })
        });
        Arc::clone(pool)
    }

    /// The token's present description of itself.
    pub(super) fn token(&self) -> Result<TokenInfo, TokenError> {
        self.library.get_token_info(self.slot)
    }

    /// An idle session, or a new one; where the token allows no more, the next that comes back.
    pub(super) fn take(&self) -> Result<Lease<'_>, TokenError> {
        let mut state = self.lock();
        loop {
            if let Some(session) = state.idle.pop() {
                return Ok(self.lease(session));
            }
            match self.library.open_ro_session(self.slot) {
                Ok(session) => {
                    state.open += 1;
                    return Ok(self.lease(session));
                }
                Err(TokenError::Pkcs11(RvError::SessionCount, _)) if state.open > 0 => {
                    state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                Err(error) => return Err(error),
            }
        }
    }

    const fn lease(&self, session: Session) -> Lease<'_> {
        Lease {
            pool: self,
            session: Some(session),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session until it is dropped; then it goes back.
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    session: Option<Session>,
}

impl Lease<'_> {
    /// Does something with the session.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Session) -> Result<T, TokenError>) -> Result<T, TokenError> {
        match &self.session {
            Some(session) => work(session),
            // Only the drop takes it out.
            None => Err(TokenError::InvalidValue),
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.pool.lock().idle.extend(self.session.take());
        self.pool.returned.notify_one();
    }
}
