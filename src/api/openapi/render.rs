//! Turns the tables of the API's parts into OpenAPI objects. Whatever generated clients cannot digest is
//! kept out here: no reference has a neighbour, no map holds enumerated words, no text has the format
//! `password` (the Python generator makes a type of it that cannot be sent).

use serde_json::Value;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::extensions::{Extensions, ExtensionsBuilder};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, Object, ObjectBuilder, SchemaFormat, Type,
};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::server::Server;
use utoipa::openapi::{Ref, RefOr, Required, Schema};

use super::table::{
    Access, Answer, Kind, Member, Method, Param, Place, Presence, Record, Route, Shape, Success, Way,
};
use super::{API_KEY, BASIC, BEARER, extras};

/// The extension that names the members an answer always has.
pub(super) const ALWAYS_PRESENT: &str = "x-always-present";

/// The method as utoipa names it.
pub(super) fn method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Put => HttpMethod::Put,
        Method::Patch => HttpMethod::Patch,
        Method::Delete => HttpMethod::Delete,
    }
}

/// An operation under its tag. `servers` replaces the document's own where a route stands outside the prefix.
pub(super) fn operation(tag: &str, route: &Route, servers: Option<Vec<Server>>) -> Operation {
    let mut operation = OperationBuilder::new()
        .tag(tag)
        .operation_id(Some(route.id))
        .summary(Some(route.summary))
        .description((!route.about.is_empty()).then_some(route.about))
        .securities(Some(security(route.access)))
        .request_body(route.body.map(|name| body(name, route.method)))
        .servers(servers)
        .extensions(extras::of(route.id));
    for entry in route.params {
        operation = operation.parameter(parameter(entry));
    }
    operation =
        operation.response(route.success.status.to_string(), answer(route.success, "successful operation"));
    if let Some(status) = route.success.failed {
        operation = operation.response(status.to_string(), answer(route.success, reason(status)));
    }
    for status in route.failures {
        operation = operation.response(status.to_string(), failure(reason(*status)));
    }
    operation.response("default", failure("Unexpected Error")).build()
}

/// The ways to prove who calls, each one enough.
fn security(access: Access) -> Vec<SecurityRequirement> {
    let names: &[&str] = match access {
        Access::Public => &[],
        Access::Basic => &[BASIC],
        Access::Admin => &[API_KEY, BEARER],
        Access::Token => &[BEARER],
    };
    names.iter().map(|name| SecurityRequirement::new(*name, [""; 0])).collect()
}

fn body(name: &str, method: Method) -> RequestBody {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(name)));
    let kind = if method == Method::Patch { "application/merge-patch+json" } else { "application/json" };
    RequestBodyBuilder::new().content(kind, content.build()).required(Some(Required::True)).build()
}

/// A parameter of an operation.
pub(super) fn parameter(param: &Param) -> Parameter {
    let (place, required) = match param.place {
        Place::Path => (ParameterIn::Path, Required::True),
        Place::Query => (ParameterIn::Query, Required::False),
        Place::Header => (ParameterIn::Header, Required::False),
    };
    let mut schema = kind(param.kind, "");
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        object.default = param.default.map(Value::from);
    }
    ParameterBuilder::new()
        .name(param.name)
        .parameter_in(place)
        .required(required)
        .description(Some(param.about))
        .schema(Some(schema))
        .example(param.example.map(Value::from))
        .build()
}

fn answer(success: Success, text: &str) -> Response {
    let (media_type, schema) = match success.body {
        Answer::Json(of) => ("application/json", kind(of, "")),
        Answer::Plain => ("text/plain", kind(Kind::Text, "")),
    };
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let mut response = ResponseBuilder::new().description(text).content(media_type, content);
    if let Some(about) = success.location {
        let header = HeaderBuilder::new().schema(Some(kind(Kind::Text, ""))).description(Some(about));
        response = response.header("Location", header.build());
    }
    response.build()
}

fn failure(text: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ApiResponse"))).build();
    ResponseBuilder::new().description(text).content("application/json", content).build()
}

/// The reason phrase of a status (RFC 9110 §15).
fn reason(status: u16) -> &'static str {
    actix_web::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error")
}

/// A named object.
pub(super) fn record(record: &Record) -> RefOr<Schema> {
    let members = match record.shape {
        Shape::Words(words) => return kind(Kind::Word(words), record.about),
        Shape::Free => return kind(Kind::Free, record.about),
        Shape::Members(lists) => lists.iter().flat_map(|list| list.iter()),
    };
    let mut object = ObjectBuilder::new().description(Some(record.about));
    let mut always = Vec::new();
    for member in members {
        object = object.property(member.name, property(member));
        if member.presence == Presence::Always {
            always.push(member.name);
        }
    }
    match record.way {
        Way::Both if always.is_empty() => {}
        Way::Both => {
            object = object.extensions(Some(ExtensionsBuilder::new().add(ALWAYS_PRESENT, always).build()));
        }
        Way::Sent | Way::Answered => {
            for name in always {
                object = object.required(name);
            }
        }
    }
    object.into()
}

fn property(member: &Member) -> RefOr<Schema> {
    let mut schema = kind(member.kind, member.about);
    if member.presence == Presence::Unseen
        && let RefOr::T(Schema::Object(object)) = &mut schema
    {
        object.write_only = Some(true);
    }
    schema
}

/// The schema of a value; a named object is referred to and keeps its own description.
fn kind(of: Kind, about: &str) -> RefOr<Schema> {
    let description = (!about.is_empty()).then_some(about);
    let list = |items: RefOr<Schema>| {
        RefOr::T(Schema::Array(ArrayBuilder::new().items(items).description(description).build()))
    };
    let integer = |format| {
        ObjectBuilder::new().schema_type(Type::Integer).format(Some(SchemaFormat::KnownFormat(format)))
    };
    let map = || {
        let texts = ArrayBuilder::new().items(Object::with_type(Type::String)).extensions(Some(or_null()));
        ObjectBuilder::new().additional_properties(Some(texts))
    };
    let text = ObjectBuilder::new().schema_type(Type::String);
    let value = match of {
        Kind::One(name) => return Ref::from_schema_name(name).into(),
        Kind::Many(name) => return list(Ref::from_schema_name(name).into()),
        Kind::Texts => return list(kind(Kind::Text, "")),
        Kind::Words(words) => return list(kind(Kind::Word(words), "")),
        Kind::Text => text,
        Kind::Word(words) => text.enum_values(Some(words.iter().copied())),
        Kind::Int64 => integer(KnownFormat::Int64),
        Kind::Int32 => integer(KnownFormat::Int32),
        Kind::Number(numbers) => integer(KnownFormat::Int32).enum_values(Some(numbers.iter().copied())),
        Kind::Bool => ObjectBuilder::new().schema_type(Type::Boolean),
        Kind::TextsByName => map(),
        Kind::TextsByNameOrNull => map().extensions(Some(or_null())),
        Kind::Free => ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(true))),
    };
    value.description(description).into()
}

/// The mark of a value that may be null, as OpenAPI 3.0 has it and as the document is written; in 3.1 it would
/// be a second type.
fn or_null() -> Extensions {
    Extensions::from_iter([("nullable", true)])
}
