//! A run: one server, its first admin, the principals made on it, and the playing of cases. Every case makes its
//! own objects under names nobody else uses and deletes them when it ends, so that cases run side by side.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::cases::{self, Case, Expect, Request, Step};
use super::program::{ADMIN, Answer, Client, Installation, Server};
use super::request::{self, API, Ready};
use super::templates::{self, Problem};
use super::values::{Differences, Variables, fill, fill_members, fill_text, plain, show};
use super::{SKIPPED, totp};

/// The password of everybody whom a case or a run makes.
const PASSWORD: &str = "Conf0rm-ance!pw";
/// Cases of a file played at once.
const PLAYERS: usize = 4;

type Headers = Vec<(String, String)>;

/// Plays the cases of a file; fails the test with every case that differs.
pub(crate) fn hold(file: &str, text: &str) {
    let run = shared();
    let cases: Vec<Case> = cases::read(text);
    let aim = |case: &&Case| !case.tags.iter().any(|tag| SKIPPED.contains(&tag.as_str()));
    let cases: Vec<&Case> = cases.iter().filter(aim).collect();
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        for _ in 0..PLAYERS {
            threads.spawn(|| {
                let mut client = Client::new(run.server.address());
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(report) = run.play_in_turn(case, &mut client) {
                        failed.lock().unwrap_or_else(PoisonError::into_inner).push(report);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (count, of) = (failed.len(), cases.len());
    assert!(failed.is_empty(), "{file}: {count} of {of} cases differ\n\n{}", failed.join("\n"));
}

/// The run of all tests that are under way; the last of them ends its server.
fn shared() -> Arc<Run> {
    static RUN: Mutex<Weak<Run>> = Mutex::new(Weak::new());
    let mut current = RUN.lock().unwrap_or_else(PoisonError::into_inner);
    current.upgrade().unwrap_or_else(|| {
        let run = Arc::new(Run::new());
        *current = Arc::downgrade(&run);
        run
    })
}

struct Run {
    server: Server,
    templates: Map<String, Value>,
    wanted: Map<String, Value>,
    /// The headers of the principals made so far.
    known: Mutex<HashMap<String, Headers>>,
    counter: AtomicUsize,
    /// Held for reading by a case, for writing by one that must be alone.
    turn: RwLock<()>,
    _installation: Installation,
}

impl Run {
    fn new() -> Self {
        let installation = Installation::new().with("USERSD__LOG__FILTER", "warn,usersd::app=info");
        let server = installation.start();
        let run = Self {
            server,
            templates: read(include_str!("templates.json")),
            wanted: read(include_str!("principals.json")),
            known: Mutex::default(),
            counter: AtomicUsize::new(0),
            turn: RwLock::new(()),
            _installation: installation,
        };
        let admin = run.bearer(ADMIN.0, ADMIN.1).unwrap_or_else(|why| panic!("{why}"));
        run.known.lock().unwrap_or_else(PoisonError::into_inner).insert("admin".to_owned(), admin);
        run
    }

    fn play_in_turn(&self, case: &Case, client: &mut Client) -> Option<String> {
        if case.alone {
            let _alone = self.turn.write().unwrap_or_else(PoisonError::into_inner);
            return self.play(case, client);
        }
        let _together = self.turn.read().unwrap_or_else(PoisonError::into_inner);
        self.play(case, client)
    }

    /// Plays a case to its first step that differs and deletes what it made; gives the report of that step.
    fn play(&self, case: &Case, client: &mut Client) -> Option<String> {
        let prefix = format!("z{:04x}-", self.counter.fetch_add(1, Ordering::Relaxed));
        let mut player = Player {
            run: self,
            client,
            variables: Variables::from([
                ("run".to_owned(), "z".into()),
                ("p".to_owned(), prefix.into()),
                ("pw".to_owned(), PASSWORD.into()),
            ]),
            made: Vec::new(),
            previous: None,
        };
        let mut report = None;
        for (number, step) in case.steps.iter().enumerate() {
            let lines = player.perform(step).unwrap_or_else(|problem| vec![problem]);
            if !lines.is_empty() {
                let lines = format!("       {}\n", lines.join("\n       "));
                let place = format!("     step {} {}", number + 1, name_of(step));
                report = Some(format!("FAIL {} — {}\n{place}\n{lines}", case.name, case.about));
                break;
            }
        }
        player.clean();
        report
    }

    /// The headers that speak for a principal, who is made on first use.
    fn principal(&self, name: &str) -> Result<Headers, Problem> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(headers) = known.get(name) {
            return Ok(headers.clone());
        }
        let admin = known.get("admin").cloned().unwrap_or_default();
        let headers = self.make_principal(name, &admin)?;
        known.insert(name.to_owned(), headers.clone());
        Ok(headers)
    }

    fn make_principal(&self, name: &str, admin: &Headers) -> Result<Headers, Problem> {
        let wanted = self.wanted.get(name).and_then(Value::as_object);
        let mut body = wanted.cloned().ok_or_else(|| format!("there is no principal {name}"))?;
        let takes_key = body.remove("apikey").is_some();
        let username = format!("principal-{name}");
        body.extend([
            ("username".to_owned(), username.as_str().into()),
            ("password".to_owned(), PASSWORD.into()),
            ("status".to_owned(), 1.into()),
        ]);
        self.make("admins", &body.into(), admin)?;
        if !takes_key {
            return self.bearer(&username, PASSWORD);
        }
        let key = self.make("apikeys", &json!({"name": username, "scope": 1, "admin": username}), admin)?;
        Ok(api_key(&plain(&key["key"])))
    }

    fn make(&self, collection: &str, body: &Value, admin: &Headers) -> Result<Value, Problem> {
        let path = format!("{API}/{collection}");
        let answer = Client::new(self.server.address())
            .send("POST", &path, admin, Some(body.to_string().as_bytes()))
            .map_err(|why| format!("POST {path}: {why}"))?;
        match request::json(&answer) {
            Some(made) if answer.status == 201 => Ok(made),
            _ => Err(format!("a principal could not be made: {} {}", answer.status, answer.text())),
        }
    }

    fn bearer(&self, name: &str, password: &str) -> Result<Headers, Problem> {
        let path = format!("{API}/token");
        let answer = Client::new(self.server.address())
            .send("GET", &path, &basic(name, password), None)
            .map_err(|why| format!("GET {path}: {why}"))?;
        match request::pick(&answer, "access_token") {
            Some(token) if answer.status == 200 => Ok(bearer(&plain(&token))),
            _ => Err(format!("no token for the admin {name}: {} {}", answer.status, answer.text())),
        }
    }
}

/// A case while it is played.
struct Player<'a> {
    run: &'a Run,
    client: &'a mut Client,
    variables: Variables,
    made: Vec<String>,
    /// The JSON of the step before.
    previous: Option<Value>,
}

impl Player<'_> {
    /// Carries out a step; gives every way in which its answer differs.
    fn perform(&mut self, step: &Step) -> Result<Vec<String>, Problem> {
        match step {
            Step::Ask { request, expect, save } => {
                let answer = self.ask(request)?;
                for (name, place) in save {
                    self.keep(name, &answer, &plain(place));
                }
                let found = self.check(expect, &answer)?;
                self.previous = request::json(&answer);
                Ok(found)
            }
            Step::Totp { totp: secret, algo, step, save } => {
                totp::wait_for_room();
                let code = totp::code(&fill_text(secret, &self.variables), algo, *step)?;
                self.variables.insert(save.clone(), code.into());
                Ok(Vec::new())
            }
            Step::Wait { wait } => {
                std::thread::sleep(Duration::from_secs_f64(*wait));
                Ok(Vec::new())
            }
            Step::Mail { mail, .. } => {
                Err(format!("mail to {mail}: this server has no mail, tag the case smtp"))
            }
        }
    }

    fn ask(&mut self, request: &Request) -> Result<Answer, Problem> {
        let proof = self.proof(request.auth.as_ref())?;
        let ready = Ready::new(request, proof, &self.run.templates, &self.variables)?;
        let answer = self
            .client
            .send(&request.method, &ready.path, &ready.headers, ready.body.as_deref())
            .map_err(|why| format!("no answer: {why}"))?;
        self.made.extend(request::made(&request.method, &ready.path, &answer));
        Ok(answer)
    }

    /// The headers of who asks.
    fn proof(&self, auth: Option<&Value>) -> Result<Headers, Problem> {
        let Some(auth) = auth else { return self.run.principal("admin") };
        if let Some(name) = auth.as_str() {
            return if name == "none" { Ok(Headers::new()) } else { self.run.principal(name) };
        }
        let filled = fill(auth, &self.variables);
        let (kind, value) = filled.as_object().and_then(|auth| auth.iter().next()).ok_or("no auth")?;
        match (kind.as_str(), value) {
            ("as", Value::String(name)) => self.run.principal(name),
            ("basic", Value::Array(pair)) if pair.len() == 2 => Ok(basic(&plain(&pair[0]), &plain(&pair[1]))),
            ("bearer", token) => Ok(bearer(&plain(token))),
            ("apikey", key) => Ok(api_key(&plain(key))),
            _ => Err(format!("no such auth: {filled}")),
        }
    }

    fn keep(&mut self, name: &str, answer: &Answer, place: &str) {
        if let Some(value) = request::pick(answer, place) {
            self.variables.insert(name.to_owned(), value);
        } else {
            self.variables.entry(name.to_owned()).or_insert_with(|| format!("nothing-at-{place}").into());
        }
    }

    /// Every difference between an answer and what a step expects of it.
    fn check(&self, expect: &Expect, answer: &Answer) -> Result<Vec<String>, Problem> {
        if answer.status != expect.status {
            let text = show(&answer.text().into());
            return Ok(vec![format!("status: expected {}, came {} {text}", expect.status, answer.status)]);
        }
        let mut found = Differences::new(expect.subset);
        for (name, value) in fill_members(&expect.headers, &self.variables) {
            let came = answer.header(&name);
            let place = format!("header {name}");
            if name == "Allow" {
                found.compare(&words(&plain(&value)), &words(&came), &place);
            } else {
                found.compare(&value, &came.into(), &place);
            }
        }
        if let Some(text) = expect.text.as_ref().map(|text| fill_text(text, &self.variables))
            && answer.text() != text
        {
            found.lines.push(format!("body: expected {text:?}, came {}", show(&answer.text().into())));
        }
        if expect.json.is_some() || expect.same {
            self.check_json(expect, answer, &mut found)?;
        }
        Ok(found.lines)
    }

    fn check_json(&self, expect: &Expect, answer: &Answer, found: &mut Differences) -> Result<(), Problem> {
        let Some(mut came) = request::json(answer) else {
            found.lines.push(format!("body: expected JSON, came {}", show(&answer.text().into())));
            return Ok(());
        };
        let kind = answer.header("Content-Type");
        if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
            found.lines.push(format!("header Content-Type: expected application/json, came {kind}"));
        }
        if let Value::Array(items) = &mut came {
            if let Some(start) = &expect.only {
                let start = fill_text(start, &self.variables);
                items.retain(|item| item["username"].as_str().unwrap_or_default().starts_with(&start));
            }
            if expect.names {
                for item in items {
                    *item = item.get("username").cloned().ok_or("a user without a name")?;
                }
            }
        }
        let expected = match &expect.json {
            _ if expect.same => self.previous.clone().unwrap_or_default(),
            Some(json) => fill(&templates::expand(json, &self.run.templates)?, &self.variables),
            None => Value::Null,
        };
        found.compare(&expected, &came, "json");
        Ok(())
    }

    /// Deletes what the case made, last first.
    fn clean(&mut self) {
        for path in self.made.iter().rev() {
            let admin = self.run.principal("admin").unwrap_or_default();
            // What a case deleted itself is answered 404; a server that died has nothing left to delete.
            drop(self.client.send("DELETE", path, &admin, None));
        }
    }
}

fn name_of(step: &Step) -> String {
    match step {
        Step::Ask { request, .. } => format!("{} {}", request.method, request.path),
        Step::Totp { .. } => "one-time code".to_owned(),
        Step::Wait { .. } => "wait".to_owned(),
        Step::Mail { mail, .. } => format!("mail {mail}"),
    }
}

/// Words of a list in a header, whose order does not matter.
fn words(text: &str) -> Value {
    let mut words: Vec<&str> = text.split(',').map(str::trim_start).collect();
    words.sort_unstable();
    words.join(", ").into()
}

fn basic(name: &str, password: &str) -> Headers {
    let encoded = STANDARD.encode(format!("{name}:{password}"));
    vec![("Authorization".to_owned(), format!("Basic {encoded}"))]
}

fn bearer(token: &str) -> Headers {
    vec![("Authorization".to_owned(), format!("Bearer {token}"))]
}

fn api_key(key: &str) -> Headers {
    vec![("X-SFTPGO-API-KEY".to_owned(), key.to_owned())]
}

fn read(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("the file cannot be read: {why}"))
}
