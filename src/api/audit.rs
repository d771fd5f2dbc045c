//! One line of the log for whatever changes something, signs somebody in or out, or shows secrets: who, from where,
//! what, whom, and what came of it (`design/security.md` S24, S38, S54). Values never stand in it.

use std::fmt::Display;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::LOCATION;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, web};

use super::access_log::RequestId;
use super::path_name::{PathName, unescape};
use crate::auth::{basic, caller};
use crate::logging::AUDIT as TARGET;
use crate::state::State;

/// How much of a name is written; no valid one is longer.
const LONGEST_NAME: usize = 255;

/// Writes the line of a request under this pattern once it is answered, or once its client has gone away.
///
/// # Errors
/// Those of the handler.
pub async fn note<B: MessageBody>(
    pattern: &'static str,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    if !log::log_enabled!(target: TARGET, log::Level::Info) {
        return next.call(request).await;
    }
    let mut deed = Deed { request: request.request().clone(), pattern, is_told: false };
    let answer = next.call(request).await;
    match &answer {
        Ok(response) => {
            let place = response.headers().get(LOCATION).and_then(|place| place.to_str().ok());
            let made = place.and_then(|place| place.rsplit('/').next()).map(unescape);
            deed.tell(made.as_deref(), response.status().as_u16());
        }
        Err(error) => deed.tell(None, error.as_response_error().status_code().as_u16()),
    }
    answer
}

/// Writes that whoever asked is shown the secrets of this object, under this pattern.
pub fn note_disclosure(request: &HttpRequest, pattern: &'static str, name: &str) {
    write(request, pattern, Some(name), "confidential");
}

/// A request under way. Its client may go away, and what he asked for be done all the same.
struct Deed {
    request: HttpRequest,
    pattern: &'static str,
    is_told: bool,
}

impl Deed {
    /// `made` is the name of what is there only since this request.
    fn tell(&mut self, made: Option<&str>, outcome: impl Display) {
        self.is_told = true;
        let presented = if made.is_none() && PathName::of(&self.request).is_none() {
            basic::credentials(self.request.headers()).map(|(name, _)| name)
        } else {
            None
        };
        let whom = made.or_else(|| PathName::of(&self.request)).or(presented.as_deref());
        write(&self.request, self.pattern, whom, outcome);
    }
}

impl Drop for Deed {
    fn drop(&mut self) {
        if !self.is_told {
            self.tell(None, "unanswered");
        }
    }
}

fn write(request: &HttpRequest, pattern: &str, whom: Option<&str>, outcome: impl Display) {
    let id = request.extensions().get::<RequestId>().cloned();
    let (id, who) = (id.as_ref().map_or("-", RequestId::as_str), caller::label(request));
    let who = who.as_deref().unwrap_or("-").escape_debug();
    let from = request.app_data::<web::Data<State>>().map(|state| state.proxies.address_of(request));
    let from = from.map_or_else(|| "-".to_owned(), |from| from.to_string());
    let whom = whom.map_or_else(|| "-".to_owned(), |name| format!("{:?}", shortened(name)));
    let method: &Method = request.method();
    log::info!(target: TARGET, "{id} {who} {from} {method} {pattern} {whom} {outcome}");
}

fn shortened(name: &str) -> &str {
    name.char_indices().nth(LONGEST_NAME).map_or(name, |(end, _)| &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(shortened("anna"), "anna");
        let (fits, long) = ("ä".repeat(LONGEST_NAME), "ä".repeat(10_000));
        assert_eq!(shortened(&fits), fits);
        assert_eq!(shortened(&long), fits);
    }
}
