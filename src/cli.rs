//! The command line: what can be asked of the program, and how the answers are printed. The work is
//! done elsewhere; this is the one place that writes to standard output.

mod api_key;
mod moving;
mod store;

use std::io::{BufRead, ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::exit::{Exit, Failure};
use crate::settings::{SecretText, Settings};
use crate::{api, app, logging, random};

const LONG_ABOUT: &str = "\
Keeps the users of file transfer services and serves them over REST (/api/v2), from one binary with \
a durable store of its own.

Without a command, and without any settings, it serves on 127.0.0.1:8080 and keeps its data in \
./usersd-data. On an empty store it makes a first admin: name and password come from the variables \
USERSD_FIRST_ADMIN and USERSD_FIRST_ADMIN_PASSWORD; without them the admin is called admin and the \
password is made at random and printed once.";

const AFTER_HELP: &str = "\
Settings:
  Defaults, then the file given with --config, then variables: [smtp] host is USERSD__SMTP__HOST.
  An empty variable takes back what the file says. `usersd check-config` shows the outcome.

Exit codes:
  0  done, or stopped in order
  1  failed
  2  the command line or the settings are wrong
  3  another process has the store
  4  the store cannot be used: damaged, of a newer version, or empty where data are required
  5  an address to listen on cannot be had";

/// What was asked on the command line.
#[derive(Debug, Parser)]
#[command(name = "usersd", version, about = "Users of file transfer services over REST", long_about = LONG_ABOUT)]
#[command(after_long_help = AFTER_HELP, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// Settings file, TOML
    ///
    /// Without it the defaults hold. A key it does not know, or a value that does not fit, is named with
    /// its line and stops the start.
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API until a signal comes (the default)
    ///
    /// SIGTERM or SIGINT ends it in order: requests under way are answered, the store is closed. Under
    /// systemd it reports its state (Type=notify) and answers the watchdog.
    Serve,

    /// Show the settings in force, or what is wrong with them
    ///
    /// Prints what results from defaults, file and variables as a settings file, secrets masked. Files with
    /// keys and passwords are read too. Exit code 2 and one line for each problem if anything is wrong.
    CheckConfig,

    /// Print the description of the API (OpenAPI, JSON)
    Openapi,

    /// Copy everything to a file, while the server runs or not
    ///
    /// The file shows the store at one moment and appears under its name when it is whole; it replaces an older
    /// one. It holds password hashes and secrets: only its owner can read it, keep it so. The signing key and the
    /// master key are not in it. A running server is asked through its control socket; run this as its user or
    /// as root. Where none runs the store is opened, which only its owner may do.
    Backup {
        /// File to write
        file: PathBuf,
    },

    /// Fill an empty store from a backup
    ///
    /// The file is read to its end first: a damaged one is refused whole. The server must be stopped, and the
    /// folder of the store empty or absent: move an old one away.
    Restore {
        /// File that `usersd backup` wrote
        file: PathBuf,
    },

    /// Look after the store
    #[command(subcommand, arg_required_else_help = true)]
    Store(StoreCommand),

    /// Help admins who cannot get in
    #[command(subcommand, arg_required_else_help = true)]
    Admin(AdminCommand),

    /// Show and let off those who failed to sign in too often
    #[command(subcommand, arg_required_else_help = true)]
    Defender(DefenderCommand),

    /// Try the mail settings out
    #[command(subcommand, arg_required_else_help = true)]
    Mail(MailCommand),

    /// Make API keys that stand in the settings file
    #[command(subcommand, arg_required_else_help = true)]
    ApiKey(ApiKeyCommand),

    /// Move in: a dump, or a file of another program, while the server is stopped
    ///
    /// Everything is checked first, then written; what cannot be imported is named with its place, and the
    /// exit code is 1. Without --all-or-nothing the rest is written all the same. Passwords come as hashes
    /// or are hashed; what this server does not have is named.
    Import(moving::Import),

    /// Move out: everything as a dump that usersd and SFTPGo load, while the server is stopped
    ///
    /// The file holds password hashes and the keys of secrets; only its owner may read it.
    Export(moving::Export),

    /// Print a completion script for a shell
    ///
    /// For bash, for instance: `usersd completions bash > /etc/bash_completion.d/usersd`
    Completions {
        /// The shell
        shell: Shell,
    },

    /// Print the manual page, or write one for each command
    Man {
        /// Folder to write the pages to, made if absent; without it the main page is printed
        dir: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Look at every record and every index entry, while the server runs or not
    ///
    /// Prints a line for each thing that is wrong and mends none. Exit code 1 if anything is.
    Check,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Give an admin a new password, while the server is stopped
    ///
    /// Works on the store itself, so it needs no other admin and no mail. Without --password-stdin the
    /// password is made at random and printed once. Tokens issued before are no longer valid.
    ResetPassword(ResetPassword),
}

#[derive(Debug, Args)]
struct ResetPassword {
    /// Name of the admin
    name: String,

    /// Read the new password from standard input, up to the end of the first line
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, Subcommand)]
enum DefenderCommand {
    /// List addresses and accounts with failures, bans or locks, while the server is stopped
    ///
    /// One on each line: who, how many failures count, until when it is banned, whether it is locked. While the
    /// server runs, GET /api/v2/defender/hosts and /api/v2/defender/accounts show the same.
    List,

    /// Forget the failures, bans and lock of an address or account, while the server is stopped
    Lift {
        /// An address, an account as `user/NAME`, `admin/NAME` or `api_key/ID`, or a name of whatever kind
        #[arg(value_name = "ADDRESS|ACCOUNT")]
        whom: String,
    },
}

#[derive(Debug, Subcommand)]
enum MailCommand {
    /// Send one message and show what was said
    ///
    /// Talks to the mail server of the settings as the server itself does and prints the dialogue, passwords
    /// left out. What fails is told with what to change. The server may be running meanwhile.
    Test {
        /// Address the message goes to
        address: String,
    },
}

#[derive(Debug, Subcommand)]
enum ApiKeyCommand {
    /// Make a key: prints it once, and the lines for the settings file
    ///
    /// The file gets only a hash of the secret, so the key itself cannot be shown again. It is valid after
    /// the next start of the server. The lines contain all that the key may do; edit them to change it.
    New(api_key::New),
}

/// Does what was asked; what is to be printed goes to `out`.
///
/// # Errors
/// With the exit code and the text to end with.
pub fn run(cli: Cli, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = || Settings::from_process(cli.config.as_deref()).map_err(Failure::from);
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => app::serve(with_log(settings()?)?),
        Command::CheckConfig => print(out, &effective(&settings()?)?),
        Command::Openapi => print(out, &api::openapi::to_json()),
        Command::Backup { file } => store::back_up(&settings()?, &file, out),
        Command::Restore { file } => store::restore(&settings()?, &file, out),
        Command::Store(StoreCommand::Check) => store::check(&settings()?, out),
        Command::Admin(AdminCommand::ResetPassword(asked)) => {
            reset_password(&settings()?, &asked, &mut std::io::stdin().lock(), out)
        }
        Command::Defender(DefenderCommand::List) => print(out, &app::list_suspects(&settings()?)?),
        Command::Defender(DefenderCommand::Lift { whom }) => print(out, &app::lift(&settings()?, &whom)?),
        Command::Mail(MailCommand::Test { address }) => app::send_test_mail(&settings()?, &address, out),
        Command::ApiKey(ApiKeyCommand::New(asked)) => print(out, &asked.make(&settings()?)?),
        Command::Import(asked) => asked.run(&with_log(settings()?)?, out),
        Command::Export(asked) => asked.run(&with_log(settings()?)?, out),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "usersd", &mut script);
            print(out, &String::from_utf8_lossy(&script))
        }
        Command::Man { dir: Some(dir) } => write_manual(&dir),
        Command::Man { dir: None } => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command())
                .render(&mut page)
                .map_err(|why| failed("cannot write the manual", why))?;
            print(out, &String::from_utf8_lossy(&page))
        }
    }
}

/// Starts the log, for commands that may have something to say besides their answer.
fn with_log(settings: Settings) -> Result<Settings, Failure> {
    logging::start(&settings.log, settings.surroundings.journal)?;
    settings.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    Ok(settings)
}

/// The settings as a file would say them, after a look into the files that they name; warnings in front, as comments.
fn effective(settings: &Settings) -> Result<String, Failure> {
    settings.check_secrets()?;
    let shown = settings.to_toml().map_err(|why| failed("cannot show the settings", why))?;
    Ok(settings.warnings.iter().map(|warning| format!("# WARNING: {warning}\n")).chain([shown]).collect())
}

fn reset_password(
    settings: &Settings,
    asked: &ResetPassword,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if asked.password_stdin {
        app::reset_admin_password(settings, &asked.name, &first_line(input)?)?;
        return print(out, &format!("The password of {:?} is changed.\n", asked.name));
    }
    let password = SecretText::new(random::short_id());
    app::reset_admin_password(settings, &asked.name, &password)?;
    print(out, &format!("The new password of {:?}, shown once: {}\n", asked.name, password.expose()))
}

fn first_line(input: &mut dyn BufRead) -> Result<SecretText, Failure> {
    let mut line = String::new();
    input.read_line(&mut line).map_err(|why| failed("cannot read the password", why))?;
    let line = SecretText::new(line);
    let password = line.expose().trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::new(Exit::Usage, "standard input holds no password"));
    }
    Ok(SecretText::new(password.to_owned()))
}

fn write_manual(dir: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), dir))
        .map_err(|why| failed(&format!("cannot write the manual to {}", dir.display()), why))
}

/// Prints an answer. Whoever closes the pipe early (`usersd openapi | head`) has seen enough.
fn print(out: &mut dyn Write, text: &str) -> Result<(), Failure> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => Err(failed("cannot print the answer", why)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn failed(text: &str, why: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::new(Exit::Failed, text).because(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from([&["usersd"], words].concat())
    }

    fn output(words: &[&str]) -> String {
        let mut out = Vec::new();
        run(parse(words).unwrap(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_description_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_file_may_be_named_before_or_after_the_command_or_without_one() {
        for words in [&["--config", "f"][..], &["serve", "--config", "f"], &["-c", "f", "check-config"]] {
            assert_eq!(parse(words).unwrap().config.as_deref(), Some(Path::new("f")), "{words:?}");
        }
        assert!(parse(&[]).unwrap().command.is_none());
    }

    #[test]
    fn wrong_usage_is_refused() {
        for words in [
            &["server"][..],
            &["backup"],
            &["restore"],
            &["store"],
            &["admin"],
            &["admin", "reset-password"],
            &["defender"],
            &["defender", "lift"],
            &["api-key", "new", "--name", "x"],
            &["api-key", "new", "--name", "x", "--permissions", "fly"],
            &["api-key", "new", "--name", "x", "--permissions", "*", "--expires", "soon"],
            &["completions", "dos"],
        ] {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn the_settings_shown_hold_no_secret_and_can_be_loaded_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("usersd.toml");
        let text = "[auth]\nsigning_key = \"planted-planted-planted-planted-\"\n[http]\nbind = \"[::1]:1\"\n";
        std::fs::write(&file, text).unwrap();
        let shown = output(&["check-config", "--config", file.to_str().unwrap()]);
        assert!(!shown.contains("planted") && shown.contains("signing_key = \"********\""), "{shown}");
        std::fs::write(&file, &shown).unwrap();
        let again = Settings::load(Some(&file), []).unwrap();
        assert_eq!(again.http.bind, ["[::1]:1".parse().unwrap()]);
    }

    #[test]
    fn wrong_settings_end_with_code_2_and_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("usersd.toml");
        std::fs::write(&file, "[http]\nprot = 1\n").unwrap();
        let asked = parse(&["check-config", "--config", file.to_str().unwrap()]).unwrap();
        let failure = run(asked, &mut Vec::new()).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.report().starts_with(&format!("{}:2: http.prot: unknown field", file.display())));
    }

    #[test]
    fn a_password_is_the_first_line_without_its_end() {
        for (input, password) in [("secret\n", "secret"), (" a b \r\nmore\n", " a b "), ("x", "x")] {
            assert_eq!(first_line(&mut input.as_bytes()).unwrap().expose(), password);
        }
        for input in ["", "\n", "\r\n"] {
            assert_eq!(first_line(&mut input.as_bytes()).unwrap_err().exit(), Exit::Usage);
        }
    }

    #[test]
    fn there_is_a_script_for_each_shell_and_a_manual_page_for_each_command() {
        for shell in ["bash", "zsh", "fish"] {
            assert!(output(&["completions", shell]).contains("reset-password"), "{shell}");
        }
        assert!(output(&["man"]).contains("Exit codes"));
        let folder = tempfile::tempdir().unwrap();
        let pages = folder.path().join("pages");
        assert_eq!(output(&["man", pages.to_str().unwrap()]), "");
        for page in ["usersd.1", "usersd-serve.1", "usersd-admin-reset-password.1", "usersd-api-key-new.1"] {
            assert!(pages.join(page).is_file(), "{page}");
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        print(&mut Closed, "text").unwrap();
    }
}
