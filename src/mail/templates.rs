//! The texts of mails: built in, each file replaceable by one of the same name in the folder of the settings.
//! Templates are tried out when they are loaded, so that a fault stops the start and not a mail.

use std::path::Path;
use std::time::Duration;

use minijinja::{Environment, UndefinedBehavior, context};

use crate::domain::account::{AccountKey, AccountKind};
use crate::domain::reset_code::ResetCode;
use crate::domain::reset_link::ResetLink;
use crate::domain::username::Username;

const SUBJECT: &str = "reset-password.subject.txt";
const TEXT: &str = "reset-password.txt";
const HTML: &str = "reset-password.html";

/// The built-in texts, by file name.
const BUILT_IN: [(&str, &str); 3] = [
    (SUBJECT, include_str!("templates/reset-password.subject.txt")),
    (TEXT, include_str!("templates/reset-password.txt")),
    (HTML, include_str!("templates/reset-password.html")),
];

/// Steps a template may take: a loop without end must not hold up the mails.
const FUEL: u64 = 100_000;

/// Why the templates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A file of the folder cannot be read.
    #[error("template {file} cannot be read")]
    Unreadable {
        /// The file's name.
        file: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A template is wrong.
    #[error("template {file} is wrong: {why}")]
    Wrong {
        /// The file's name.
        file: &'static str,
        /// What is wrong, with its line.
        why: String,
    },
    /// A template is of no use: whoever gets the mail has no code.
    #[error("template {file} must show the code between double quotes: \"{{{{ code }}}}\"")]
    NoCode {
        /// The file's name.
        file: &'static str,
    },
}

/// What the mail of a code says; `code` and the others are the variables of its templates.
#[derive(Debug)]
pub struct ResetMail<'a> {
    /// `code`: the code.
    pub code: &'a ResetCode,
    /// `username`: the name, as given by who asked.
    pub username: &'a str,
    /// `kind`: `user` or `admin`; and with it the address for `link`.
    pub account: &'a AccountKey,
    /// `lifetime`: how long the code is valid, in words.
    pub lifetime: Duration,
}

/// A mail's subject and texts.
pub struct MailText {
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The text as HTML.
    pub html: String,
}

/// The templates of all mails.
#[derive(Debug, Clone)]
pub struct Templates {
    environment: Environment<'static>,
    link: Option<ResetLink>,
}

impl Templates {
    /// Loads the templates: the built-in ones, and in their place those of the folder. They may show the link, where
    /// there is one; `link` is empty where there is none.
    ///
    /// # Errors
    /// When a file cannot be read, or is no template that makes a mail.
    pub fn load(folder: Option<&Path>, link: Option<ResetLink>) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        for (file, built_in) in BUILT_IN {
            let own = folder.map(|folder| own(folder, file)).transpose()?.flatten();
            let source = own.unwrap_or_else(|| built_in.to_owned());
            environment.add_template_owned(file, source).map_err(|why| wrong(file, &why))?;
        }
        let templates = Self { environment, link };
        templates.try_out()?;
        Ok(templates)
    }

    /// The mail of a code.
    ///
    /// # Errors
    /// When a template fails with these values and did not with others.
    pub fn reset_password(&self, mail: &ResetMail<'_>) -> Result<MailText, TemplateError> {
        let subject = self.render(SUBJECT, mail)?.trim().to_owned();
        Ok(MailText { subject, text: self.render(TEXT, mail)?, html: self.render(HTML, mail)? })
    }

    fn render(&self, file: &'static str, mail: &ResetMail<'_>) -> Result<String, TemplateError> {
        let values = context! {
            code => mail.code.expose(),
            username => mail.username,
            kind => mail.account.kind().word(),
            link => self.link.as_ref().map(|link| link.of(mail.account)).unwrap_or_default(),
            lifetime => in_words(mail.lifetime),
        };
        let template = self.environment.get_template(file).map_err(|why| wrong(file, &why))?;
        template.render(values).map_err(|why| wrong(file, &why))
    }

    fn try_out(&self) -> Result<(), TemplateError> {
        let code = ResetCode::random();
        for kind in [AccountKind::User, AccountKind::Admin] {
            let account = AccountKey::new(kind, &Username::trusted("name".to_owned()));
            let lifetime = Duration::from_secs(600);
            let mail = ResetMail { code: &code, username: "name", account: &account, lifetime };
            let text = self.reset_password(&mail)?;
            let quoted = format!("\"{}\"", code.expose());
            for (file, text) in [(TEXT, text.text), (HTML, text.html)] {
                if !text.contains(&quoted) {
                    return Err(TemplateError::NoCode { file });
                }
            }
        }
        Ok(())
    }
}

/// The folder's own template, if it has one.
fn own(folder: &Path, file: &'static str) -> Result<Option<String>, TemplateError> {
    match std::fs::read_to_string(folder.join(file)) {
        Ok(text) => Ok(Some(text)),
        // A folder that is not there is a mistake; a file that is not there means the built-in text.
        Err(why) if why.kind() == std::io::ErrorKind::NotFound && folder.is_dir() => Ok(None),
        Err(source) => Err(TemplateError::Unreadable { file, source }),
    }
}

fn wrong(file: &'static str, why: &minijinja::Error) -> TemplateError {
    TemplateError::Wrong { file, why: why.to_string() }
}

/// `10 minutes`, `1 minute`, `90 seconds`.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (number, unit) = if seconds >= 60 && seconds.is_multiple_of(60) {
        (seconds / 60, "minute")
    } else {
        (seconds, "second")
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_for(templates: &Templates, code: &ResetCode, username: &str) -> MailText {
        let account = AccountKey::new(AccountKind::User, &Username::trusted(username.to_owned()));
        let lifetime = Duration::from_secs(600);
        templates.reset_password(&ResetMail { code, username, account: &account, lifetime }).unwrap()
    }

    /// The first text of six or more letters and digits between double quotes, markup removed: what
    /// programs look for that read the mail (`conformance/README.md`).
    fn first_quoted(text: &str) -> Option<String> {
        let mut plain = String::new();
        let mut inside = false;
        for c in text.chars() {
            match c {
                '<' => inside = true,
                '>' => inside = false,
                _ if !inside => plain.push(c),
                _ => {}
            }
        }
        let fits = |word: &&str| word.len() >= 6 && word.chars().all(|c| c.is_ascii_alphanumeric());
        plain.split('"').skip(1).find(fits).map(str::to_owned)
    }

    #[test]
    fn the_code_is_the_first_quoted_word_on_a_short_line() {
        let code = ResetCode::random();
        let text = text_for(&Templates::load(None, None).unwrap(), &code, "anna");
        for text in [&text.text, &text.html] {
            assert_eq!(first_quoted(text).as_deref(), Some(code.expose()));
            assert!(text.lines().any(|line| line == format!("\"{}\"", code.expose())));
            assert!(text.contains("within 10 minutes"));
        }
        assert_eq!(text.subject, "Email Verification Code for user \"anna\"");
    }

    #[test]
    fn a_link_stands_behind_the_code_and_only_where_there_is_one() {
        let code = ResetCode::random();
        let link = "https://files.example.com/{kind}/reset?name={username}".parse().unwrap();
        for (link, shown) in [(Some(link), true), (None, false)] {
            let text = text_for(&Templates::load(None, link).unwrap(), &code, "an na");
            let filled = "https://files.example.com/user/reset?name=an%20na";
            assert_eq!(text.text.lines().any(|line| line == filled), shown, "{}", text.text);
            assert_eq!(text.text.contains("://"), shown);
            assert_eq!(
                text.html.contains("<a href=\"https:&#x2f;&#x2f;files.example.com"),
                shown,
                "{}",
                text.html
            );
            for text in [&text.text, &text.html] {
                assert_eq!(first_quoted(text).as_deref(), Some(code.expose()));
                assert!(!text.contains("\n\n\n"), "no gap is left: {text:?}");
            }
        }
    }

    #[test]
    fn a_name_cannot_break_out() {
        let code = ResetCode::random();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(HTML), "<p>{{ username }}</p>\"{{ code }}\"").unwrap();
        let templates = Templates::load(Some(folder.path()), None).unwrap();
        let text = text_for(&templates, &code, "<img src=x> {{ code }}");
        assert!(text.html.contains("&lt;img src=x&gt; {{ code }}"), "{}", text.html);
    }

    #[test]
    fn a_file_of_the_folder_takes_the_place_of_the_built_in_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(SUBJECT), "\n  Dein Code für {{ username }} \n").unwrap();
        let templates = Templates::load(Some(folder.path()), None).unwrap();
        let code = ResetCode::random();
        let text = text_for(&templates, &code, "anna");
        assert!(text.text.starts_with("Hello"));
        assert_eq!(text.subject, "Dein Code für anna");
    }

    #[test]
    fn templates_that_make_no_mail_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for (file, text, why) in [
            (TEXT, "no code here", "must show the code between double quotes: \"{{ code }}\""),
            (TEXT, "your code is {{ code }}", "must show the code"),
            (HTML, "\"{{ cod }}\"", "undefined value"),
            (HTML, "{% if %}", "is wrong: syntax error"),
            (
                SUBJECT,
                "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}",
                "fuel",
            ),
        ] {
            let path = folder.path().join(file);
            std::fs::write(&path, text).unwrap();
            let error = Templates::load(Some(folder.path()), None).unwrap_err().to_string();
            assert!(error.starts_with(&format!("template {file} ")) && error.contains(why), "{error}");
            std::fs::remove_file(path).unwrap();
        }
        assert!(Templates::load(Some(&folder.path().join("absent")), None).is_err());
    }

    #[test]
    fn times_are_said_in_words() {
        for (seconds, words) in [(600, "10 minutes"), (60, "1 minute"), (90, "90 seconds"), (1, "1 second")] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }
}
