//! Settings from the environment: `USERSD__SMTP__HOST` is `smtp.host`. Each variable is tried by
//! itself, so that a wrong one is called by its name.

use config::{Config, ConfigError, File, FileFormat, Value};

use super::Settings;
use super::problem::SettingsError;

/// What the name of every variable begins with. Two underscores also keep out what container
/// platforms set for a service called usersd (`USERSD_PORT=tcp://…`).
const PREFIX: &str = "USERSD__";

/// A variable that sets a value.
#[derive(Debug)]
struct Variable {
    name: String,
    /// The key it sets, as `smtp.host`.
    path: String,
    /// The value, or nothing for a variable that is empty and takes the file's word back.
    value: Option<Value>,
}

/// All variables that set a value, each known to fit.
#[derive(Debug)]
pub(super) struct Variables(Vec<Variable>);

impl Variables {
    /// Picks the variables that are meant for us and checks each.
    pub(super) fn parse(environment: &[(String, String)]) -> Result<Self, SettingsError> {
        let mut variables = Vec::new();
        let mut wrong = Vec::new();
        for (name, text) in environment {
            let Some(path) = path_of(name) else { continue };
            match value(&path, text) {
                Ok(value) => variables.push(Variable { name: name.clone(), path, value }),
                Err(why) => wrong.push(format!("{name}: {why}")),
            }
        }
        // An explicit setting wins over the customary name for the same thing.
        if variables.iter().any(|variable| variable.path == "log.filter" && variable.name != "RUST_LOG") {
            variables.retain(|variable| variable.name != "RUST_LOG");
        }
        if wrong.is_empty() { Ok(Self(variables)) } else { Err(SettingsError::Wrong(wrong)) }
    }

    /// The name of the variable that sets this key or something above it.
    pub(super) fn name_of(&self, key: &str) -> Option<&str> {
        let sets = |variable: &&Variable| {
            key.strip_prefix(variable.path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.0.iter().find(sets).map(|variable| variable.name.as_str())
    }

    /// Lays the variables over a file's table.
    pub(super) fn over(&self, mut table: toml::Table) -> Result<Config, ConfigError> {
        for variable in self.0.iter().filter(|variable| variable.value.is_none()) {
            remove(&mut table, &variable.path);
        }
        let text = toml::to_string(&table).map_err(|why| ConfigError::Foreign(Box::new(why)))?;
        let mut builder = Config::builder().add_source(File::from_str(&text, FileFormat::Toml));
        for variable in &self.0 {
            if let Some(value) = &variable.value {
                builder = builder.set_override(&variable.path, value.clone())?;
            }
        }
        builder.build()
    }
}

fn path_of(name: &str) -> Option<String> {
    if name == "RUST_LOG" {
        return Some("log.filter".to_owned());
    }
    name.strip_prefix(PREFIX).map(|rest| rest.to_lowercase().replace("__", "."))
}

/// The value that fits the key: the text itself, which the key's type may turn into a number or a
/// truth value, else, for lists of tables, what it says as TOML.
fn value(path: &str, text: &str) -> Result<Option<Value>, ConfigError> {
    if text.is_empty() {
        // A key that takes nothing at all does not exist.
        return known(path).map(|()| None);
    }
    let plain = Value::from(text);
    match alone(path, plain.clone()) {
        Ok(()) => Ok(Some(plain)),
        Err(why) => match literal(text) {
            Some(literal) => alone(path, literal.clone()).map(|()| Some(literal)),
            None => Err(why),
        },
    }
}

fn alone(path: &str, value: Value) -> Result<(), ConfigError> {
    Config::builder().set_override(path, value)?.build()?.try_deserialize::<Settings>().map(drop)
}

/// Fails with the names that do exist when there is no such key.
fn known(path: &str) -> Result<(), ConfigError> {
    match alone(path, Value::from("?")) {
        Err(why) if why.to_string().contains("unknown field") => Err(why),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn literal(text: &str) -> Option<Value> {
    if !text.starts_with('[') {
        return None;
    }
    let source = File::from_str(&format!("value = {text}"), FileFormat::Toml);
    Config::builder().add_source(source).build().ok()?.get("value").ok()
}

fn remove(table: &mut toml::Table, path: &str) {
    match path.split_once('.') {
        None => drop(table.remove(path)),
        Some((first, rest)) => {
            if let Some(below) = table.get_mut(first).and_then(toml::Value::as_table_mut) {
                remove(below, rest);
            }
        }
    }
}
