//! What was said between us and the mail server, for `usersd mail test`. Passwords never come here: who
//! writes a line down leaves them out, and takes them out of what a server repeats.

/// A record of a conversation, or nothing where nobody wants to read one.
#[derive(Debug, Default)]
pub struct Dialogue(Option<Vec<String>>);

impl Dialogue {
    /// Keeps what is said.
    pub fn kept() -> Self {
        Self(Some(Vec::new()))
    }

    /// Keeps nothing.
    pub fn silent() -> Self {
        Self(None)
    }

    /// The lines, in their order.
    pub fn lines(&self) -> &[String] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Something that happened.
    pub(super) fn note(&mut self, text: impl FnOnce() -> String) {
        self.push("--", text);
    }

    /// Something that we said.
    pub(super) fn ours(&mut self, text: impl FnOnce() -> String) {
        self.push("->", text);
    }

    /// Something that the server said.
    pub(super) fn theirs(&mut self, text: impl FnOnce() -> String) {
        self.push("<-", text);
    }

    /// Changes every line.
    pub(super) fn rewrite(&mut self, rewritten: impl Fn(&str) -> String) {
        for line in self.0.iter_mut().flatten() {
            *line = rewritten(line);
        }
    }

    fn push(&mut self, who: &str, text: impl FnOnce() -> String) {
        let Some(lines) = &mut self.0 else { return };
        // Whatever a server says, it moves no cursor and paints no terminal.
        let clean = |line: &str| line.chars().filter(|c| !c.is_control()).collect::<String>();
        lines.extend(text().lines().map(|line| format!("{who} {}", clean(line))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_says_who_said_it_and_holds_no_control_characters() {
        let mut dialogue = Dialogue::kept();
        dialogue.ours(|| "NOOP".into());
        dialogue.theirs(|| "250-a\r\n250 \u{1b}[31mb".into());
        assert_eq!(dialogue.lines(), ["-> NOOP", "<- 250-a", "<- 250 [31mb"]);
        let mut silent = Dialogue::silent();
        silent.note(|| unreachable!("nobody reads it"));
        assert!(silent.lines().is_empty());
    }
}
