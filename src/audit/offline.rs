//! Commands of remedies, as they are given where the private keys of PK and KEK are: on a node they are kept elsewhere, most of the time.

use crate::ceremony::signer;
use crate::error::Result;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::keys::KeyName;
use crate::system::is_there;

use super::machine::Machine;

/// The option that names the directory of the keys which are not here.
pub(super) const ELSEWHERE: &str = " --keys STICK";

/// True if a private key is in the key directory, or on a token; also where no key directory says otherwise.
fn is_here(machine: &Machine<'_>, name: KeyName) -> Result<bool> {
    let Ok(directory) = machine.directory() else {
        return Ok(true);
    };
    Ok(is_there(&directory.private_key_path(name))? || directory.token_uri(name)?.is_some())
}

/// True if the private key that signs changes of a variable is in the key directory, or on a token.
pub(super) fn signs_here(machine: &Machine<'_>, variable: VariableName) -> Result<bool> {
    is_here(machine, signer(variable))
}

/// A command that changes a variable, with the directory of the key that signs it.
pub(super) fn signed_by(machine: &Machine<'_>, variable: VariableName, command: &str) -> Result<String> {
    Ok(if signs_here(machine, variable)? {
        command.to_owned()
    } else {
        format!("{command}{ELSEWHERE}")
    })
}

/// The rotation of a key, with the directory of the keys that it needs, or is recorded by.
pub(super) fn rotate(machine: &Machine<'_>, name: KeyName) -> Result<String> {
    let option = if !is_here(machine, name)? {
        ELSEWHERE
    } else if !signs_here(machine, name.variable().unwrap_or(VariableName::Db))? {
        " --authority STICK"
    } else {
        ""
    };
    Ok(format!("bootseal keys rotate {name}{option}"))
}
