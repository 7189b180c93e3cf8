//! The end of a rotation that has not reached its switch, as if it had never begun.

use crate::enroll::Updater;
use crate::error::{Error, Result};
use crate::formats::text::Shown;
use crate::keys::KeyName;

use super::place::Rotation;
use super::stages::Request;

/// A rotation that was given up.
#[derive(Debug)]
pub struct Aborted {
    /// The key that stays, and the one that it would have got.
    pub rotation: Rotation,
    /// The result of each stage, in order.
    pub steps: Vec<String>,
}

/// Gives a rotation up: the firmware forgets the new certificate, and the new key is removed. Refused once the new key has begun to
/// take the place of the old one, or is the firmware's platform key: such a rotation can only be ended.
pub fn abort(request: &Request<'_>) -> Result<Aborted> {
    let (place, name) = (&request.place, request.name);
    place.context.guard(place.keys.path());
    let Some(rotation) = place.under_way(name)? else {
        // One that was cut short as it took its directory away has left some of it.
        place.finish(name)?;
        return Err(Error::usage(format!(
            "no rotation of {name} is under way in {}",
            place.keys.path().shown()
        )));
    };
    let end_it = |error: Error| {
        error.hint(format!(
            "bootseal keys rotate {name} ends it; then {name} can be rotated once more"
        ))
    };
    if place.has_switched(&rotation)? {
        let text = match rotation.old {
            Some(_) => format!("the new {name} key is in the place of the old one already"),
            None => format!("the first {name} key is in its place already"),
        };
        return Err(end_it(Error::refused(text)));
    }
    let mut steps = Vec::new();
    if place.context.dry_run() {
        return Ok(Aborted { rotation, steps });
    }
    if let Some(variable) = name.variable() {
        let updater = Updater::open(request.context(), &request.firmware.store, place.authority)?;
        let (new, old) = (place.new_certificate(name)?, place.old_certificate(name, &rotation)?);
        if updater.holds_certificate(variable, &new)? {
            if !updater.holds_certificate(variable, &old)? {
                let text = format!("the firmware's {variable} holds the new certificate in the place of the old one");
                return Err(end_it(Error::refused(text)));
            }
            let ask = &mut |name: &str| request.attendant.secret(name);
            let (update, _) = updater.remove(variable, std::slice::from_ref(&rotation.new), ask)?;
            update.map_or(Ok(()), |update| request.write(update))?;
            steps.push(format!(
                "the firmware's {variable} does not hold the new certificate any more"
            ));
        }
    }
    place.forget_on_token(name, &mut |name: &str| request.attendant.secret(name))?;
    place.finish(name)?;
    steps.push(match rotation.old {
        Some(_) => "the new key is removed, and the present one stays".to_owned(),
        None => format!("the new key is removed: there is no {name} key, as before"),
    });
    steps.extend(leftover(name).map(str::to_owned));
    Ok(Aborted { rotation, steps })
}

/// The advice on what was built with the new key meanwhile.
fn leftover(name: KeyName) -> Option<&'static str> {
    match name {
        KeyName::Grub => Some(
            "an image of GRUB that was made meanwhile embeds the new key too; bootseal grub install makes one without it",
        ),
        KeyName::Module => Some("a kernel that was built with the new certificate trusts it until it is built again"),
        _ => None,
    }
}
