//! `/status`: how the services are (`contract/endpoints.md` §12); those this server does not have are left out.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::response::{Failure, object};
use crate::auth::caller::ByAdmin;
use crate::domain::second_factor::configuration::TotpConfiguration;
use crate::state::State;

/// How the services are.
#[derive(Serialize)]
struct ServicesView<'a> {
    data_provider: DataProviderView,
    defender: DefenderView,
    mfa: MfaView<'a>,
}

/// How the store is.
#[derive(Serialize)]
struct DataProviderView {
    is_active: bool,
    driver: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'static str,
}

/// How the defender is.
#[derive(Serialize)]
struct DefenderView {
    is_active: bool,
}

/// Which second factors are on offer.
#[derive(Serialize)]
struct MfaView<'a> {
    is_active: bool,
    totp_configs: &'a [TotpConfiguration],
}

/// `GET /status`.
///
/// # Errors
/// None of its own.
pub async fn get(_: ByAdmin, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let health = state.store.health();
    let error = match health.read_only {
        None => "",
        Some(_) if health.is_full => "no writes are taken: the disk is full",
        Some(_) => "no writes are taken: see the log of the server",
    };
    let totp_configs = state.second_factors.configurations();
    let view = ServicesView {
        data_provider: DataProviderView { is_active: error.is_empty(), driver: "usersd", error },
        defender: DefenderView { is_active: state.defender.is_on() },
        mfa: MfaView { is_active: !totp_configs.is_empty(), totp_configs },
    };
    Ok(object(StatusCode::OK, &view)?)
}
