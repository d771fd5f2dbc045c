//! THE TABLE: one line per route, with what it asks of its caller. A route is guarded unless its line
//! says `Public`.

use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{Route, web};

use crate::api::openapi::page;
use crate::api::routing::{Patches, Table};
use crate::api::{
    admins, api_keys, audit, connections, defender, events, folders, groups, health, moving, own_password,
    own_profile, own_second_factor,
};
use crate::api::{passwords, quotas, roles, status, tokens, users, version};
use crate::auth::gate::{self, Access};
use crate::domain::permission::Permission as P;
use crate::domain::web_client::WebClientOption as W;

/// A route: a method on a path, what it asks of its caller, and who answers.
pub struct Entry {
    /// The method.
    pub method: Method,
    /// The path, with at most one name in braces.
    pub pattern: &'static str,
    /// What the route asks of its caller.
    pub access: Access,
    /// Whether the log tells who asked for it.
    pub is_audited: bool,
    route: Route,
}

/// Every route of the server.
#[rustfmt::skip]
pub fn entries() -> Vec<Entry> {
    use Access::{
        AnyAdmin, AnyUserInOrder, Permission, Public, PublicOrAdmin, SignedInAdmin, SignedInAdminInOrder, SignedInPermission,
        SignedInUser, SignedInUserInOrder,
    };
    let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
    let patch = Method::PATCH;
    vec![
        on(&get,    "/healthz",                                  Public,                             web::to(health::alive)),
        on(&get,    "/readyz",                                   PublicOrAdmin,                      web::to(health::ready)),
        on(&get,    "/openapi.json",                             Public,                             web::to(page::document)),
        on(&get,    "/openapi",                                  Public,                             web::to(page::index)),
        on(&get,    "/openapi/{file}",                           Public,                             web::to(page::part)),

        told(&get,  "/api/v2/token",                             Public,                             web::to(tokens::get_for_admin)),
        told(&get,  "/api/v2/logout",                            SignedInAdmin,                      web::to(tokens::revoke_for_admin)),
        on(&get,    "/api/v2/version",                           AnyAdmin,                           web::to(version::get)),

        on(&get,    "/api/v2/users",                             Permission(P::ViewUsers),           web::to(users::list)),
        on(&post,   "/api/v2/users",                             Permission(P::AddUsers),            web::to(users::add)),
        on(&get,    "/api/v2/users/{username}",                  Permission(P::ViewUsers),           web::to(users::get)),
        on(&put,    "/api/v2/users/{username}",                  Permission(P::EditUsers),           web::to(users::update)),
        on(&patch,  "/api/v2/users/{username}",                  Permission(P::EditUsers),           web::to(users::patch)),
        on(&delete, "/api/v2/users/{username}",                  Permission(P::DeleteUsers),            web::to(users::delete)),
        on(&put,    "/api/v2/users/{username}/2fa/disable",      Permission(P::DisableMfa),          web::to(users::disable_second_factor)),
        on(&post,   "/api/v2/users/{username}/forgot-password",  Public,                             web::to(passwords::user_forgot)),
        on(&post,   "/api/v2/users/{username}/reset-password",   Public,                             web::to(passwords::user_reset)),

        on(&get,    "/api/v2/admins",                            Permission(P::ManageAdmins),        web::to(admins::list)),
        on(&post,   "/api/v2/admins",                            Permission(P::ManageAdmins),        web::to(admins::add)),
        on(&get,    "/api/v2/admins/{username}",                 Permission(P::ManageAdmins),        web::to(admins::get)),
        on(&put,    "/api/v2/admins/{username}",                 Permission(P::ManageAdmins),        web::to(admins::update)),
        on(&delete, "/api/v2/admins/{username}",                 Permission(P::ManageAdmins),        web::to(admins::delete)),
        on(&put,    "/api/v2/admins/{username}/2fa/disable",     Permission(P::DisableMfa),          web::to(admins::disable_second_factor)),
        on(&post,   "/api/v2/admins/{username}/forgot-password", Public,                             web::to(passwords::admin_forgot)),
        on(&post,   "/api/v2/admins/{username}/reset-password",  Public,                             web::to(passwords::admin_reset)),

        on(&get,    "/api/v2/apikeys",                           SignedInPermission(P::ManageApiKeys), web::to(api_keys::list)),
        on(&post,   "/api/v2/apikeys",                           SignedInPermission(P::ManageApiKeys), web::to(api_keys::add)),
        on(&get,    "/api/v2/apikeys/{id}",                      SignedInPermission(P::ManageApiKeys), web::to(api_keys::get)),
        on(&put,    "/api/v2/apikeys/{id}",                      SignedInPermission(P::ManageApiKeys), web::to(api_keys::update)),
        on(&delete, "/api/v2/apikeys/{id}",                      SignedInPermission(P::ManageApiKeys), web::to(api_keys::delete)),

        on(&get,    "/api/v2/admin/profile",                     SignedInAdmin,                      web::to(own_profile::get_admin)),
        on(&put,    "/api/v2/admin/profile",                     SignedInAdminInOrder,               web::to(own_profile::update_admin)),
        on(&put,    "/api/v2/admin/changepwd",                   SignedInAdmin,                      web::to(own_password::change_admin)),
        on(&get,    "/api/v2/admin/totp/configs",                SignedInAdmin,                      web::to(own_second_factor::configurations_admin)),
        on(&post,   "/api/v2/admin/totp/generate",               SignedInAdmin,                      web::to(own_second_factor::generate_admin)),
        on(&post,   "/api/v2/admin/totp/validate",               SignedInAdmin,                      web::to(own_second_factor::validate_admin)),
        on(&post,   "/api/v2/admin/totp/save",                   SignedInAdmin,                      web::to(own_second_factor::save_admin)),
        told(&get,  "/api/v2/admin/2fa/recoverycodes",           SignedInAdmin,                      web::to(own_second_factor::recovery_codes_admin)),
        on(&post,   "/api/v2/admin/2fa/recoverycodes",           SignedInAdmin,                      web::to(own_second_factor::new_recovery_codes_admin)),

        told(&get,  "/api/v2/user/token",                        Public,                             web::to(tokens::get_for_user)),
        told(&get,  "/api/v2/user/logout",                       SignedInUser(None),                 web::to(tokens::revoke_for_user)),
        on(&get,    "/api/v2/user/profile",                      SignedInUser(None),                 web::to(own_profile::get_user)),
        on(&put,    "/api/v2/user/profile",                      SignedInUserInOrder,                web::to(own_profile::update_user)),
        on(&put,    "/api/v2/user/changepwd",                    SignedInUser(Some(W::PasswordChangeDisabled)), web::to(own_password::change_user)),
        on(&get,    "/api/v2/user/totp/configs",                 SignedInUser(Some(W::MfaDisabled)), web::to(own_second_factor::configurations_user)),
        on(&post,   "/api/v2/user/totp/generate",                SignedInUser(Some(W::MfaDisabled)), web::to(own_second_factor::generate_user)),
        on(&post,   "/api/v2/user/totp/validate",                SignedInUser(Some(W::MfaDisabled)), web::to(own_second_factor::validate_user)),
        on(&post,   "/api/v2/user/totp/save",                    SignedInUser(Some(W::MfaDisabled)), web::to(own_second_factor::save_user)),
        told(&get,  "/api/v2/user/2fa/recoverycodes",            SignedInUser(Some(W::MfaDisabled)), web::to(own_second_factor::recovery_codes_user)),
        on(&post,   "/api/v2/user/2fa/recoverycodes",            SignedInUser(Some(W::MfaDisabled)), web::to(own_second_factor::new_recovery_codes_user)),
        on(&get,    "/api/v2/user/dirs",                         AnyUserInOrder,                     web::to(own_profile::no_directories)),

        on(&get,    "/api/v2/connections",                       Permission(P::ViewConnections),     web::to(connections::list)),
        on(&delete, "/api/v2/connections/{id}",                  Permission(P::CloseConnections),    web::to(connections::close)),

        on(&get,    "/api/v2/defender/hosts",                    Permission(P::ViewDefender),        web::to(defender::list_hosts)),
        on(&get,    "/api/v2/defender/hosts/{id}",               Permission(P::ViewDefender),        web::to(defender::get_host)),
        on(&delete, "/api/v2/defender/hosts/{id}",               Permission(P::ManageDefender),      web::to(defender::delete_host)),
        on(&get,    "/api/v2/defender/accounts",                 Permission(P::ViewDefender),        web::to(defender::list_accounts)),
        on(&delete, "/api/v2/defender/accounts/{id}",            Permission(P::ManageDefender),      web::to(defender::delete_account)),

        on(&get,    "/api/v2/status",                            Permission(P::ViewStatus),          web::to(status::get)),
        on(&get,    "/api/v2/events/fs",                         Permission(P::ViewEvents),          web::to(events::search)),
        on(&get,    "/api/v2/events/provider",                   Permission(P::ViewEvents),          web::to(events::search)),
        on(&get,    "/api/v2/events/logs",                       Permission(P::ViewEvents),          web::to(events::search)),

        on(&get,    "/api/v2/quotas/users/scans",                Permission(P::QuotaScans),          web::to(quotas::list_scans)),
        on(&put,    "/api/v2/quotas/users/{username}/usage",     Permission(P::EditUsers),           web::to(quotas::update_usage)),
        on(&put,    "/api/v2/quotas/users/{username}/transfer-usage", Permission(P::EditUsers),      web::to(quotas::update_transfer_usage)),

        on(&get,    "/api/v2/folders",                           Permission(P::ManageFolders),       web::to(folders::list)),
        on(&post,   "/api/v2/folders",                           Permission(P::ManageFolders),       web::to(folders::add)),
        on(&get,    "/api/v2/folders/{name}",                    Permission(P::ManageFolders),       web::to(folders::get)),
        on(&put,    "/api/v2/folders/{name}",                    Permission(P::ManageFolders),       web::to(folders::update)),
        on(&delete, "/api/v2/folders/{name}",                    Permission(P::ManageFolders),       web::to(folders::delete)),

        on(&get,    "/api/v2/groups",                            Permission(P::ManageGroups),        web::to(groups::list)),
        on(&post,   "/api/v2/groups",                            Permission(P::ManageGroups),        web::to(groups::add)),
        on(&get,    "/api/v2/groups/{name}",                     Permission(P::ManageGroups),        web::to(groups::get)),
        on(&put,    "/api/v2/groups/{name}",                     Permission(P::ManageGroups),        web::to(groups::update)),
        on(&delete, "/api/v2/groups/{name}",                     Permission(P::ManageGroups),        web::to(groups::delete)),

        on(&get,    "/api/v2/roles",                             Permission(P::ManageRoles),         web::to(roles::list)),
        on(&post,   "/api/v2/roles",                             Permission(P::ManageRoles),         web::to(roles::add)),
        on(&get,    "/api/v2/roles/{name}",                      Permission(P::ManageRoles),         web::to(roles::get)),
        on(&put,    "/api/v2/roles/{name}",                      Permission(P::ManageRoles),         web::to(roles::update)),
        on(&delete, "/api/v2/roles/{name}",                      Permission(P::ManageRoles),         web::to(roles::delete)),

        told(&get,  "/api/v2/dumpdata",                          Permission(P::ManageSystem),        web::to(moving::dump)),
        on(&post,   "/api/v2/loaddata",                          Permission(P::ManageSystem),        web::to(moving::load)),
        told(&get,  "/api/v2/loaddata",                          Permission(P::ManageSystem),        web::to(moving::load_file)),
    ]
}

/// The table that the server answers by.
pub fn table(patches: Patches) -> Table {
    let table = Table::new().taking(patches);
    entries().into_iter().fold(table, |table, Entry { method, pattern, access, is_audited, route }| {
        let route = if access == Access::Public {
            route
        } else {
            route.wrap(from_fn(move |state, request, next| gate::pass(access, state, request, next)))
        };
        let route = if is_audited {
            route.wrap(from_fn(move |request, next| audit::note(pattern, request, next)))
        } else {
            route
        };
        table.route(&method, pattern, route)
    })
}

/// A route that only looks, or changes something.
fn on(method: &Method, pattern: &'static str, access: Access, route: Route) -> Entry {
    let is_audited = *method != Method::GET;
    Entry { method: method.clone(), pattern, access, is_audited, route }
}

/// A route that looks like one that only looks, and is told of like one that changes something.
fn told(method: &Method, pattern: &'static str, access: Access, route: Route) -> Entry {
    Entry { is_audited: true, ..on(method, pattern, access, route) }
}
