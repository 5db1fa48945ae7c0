//! The identifiers of a Rust source text, without those in comments, strings and characters.

use std::iter::Peekable;
use std::str::CharIndices;

/// An identifier or keyword and the line it stands on, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub struct Identifier<'a> {
    /// The word; a raw identifier comes without its `r#`.
    pub word: &'a str,
    /// Its line.
    pub line: usize,
}

/// Lists identifiers and keywords in order.
///
/// The scan follows the lexical rules that matter here (nested block comments, raw strings,
/// lifetimes) and never fails: a text that ends inside a literal or a comment ends there.
pub fn identifiers(text: &str) -> Vec<Identifier<'_>> {
    let mut scanner = Scanner {
        text,
        characters: text.char_indices().peekable(),
        line: 1,
    };
    let mut found = Vec::new();
    while let Some((start, character)) = scanner.next() {
        match character {
            '/' if scanner.peek() == Some('/') => scanner.skip_line(),
            '/' if scanner.peek() == Some('*') => scanner.skip_block_comment(),
            '"' => scanner.skip_string(),
            '\'' => scanner.skip_character_or_lifetime(),
            c if is_word_start(c) => {
                let line = scanner.line;
                let word = scanner.word_from(start);
                if !scanner.skip_literal_after(word) {
                    found.push(Identifier { word, line });
                }
            }
            // A number: the letters of its base, exponent and suffix are no word.
            c if c.is_ascii_digit() => {
                scanner.word_from(start);
            }
            _ => {}
        }
    }
    found
}

struct Scanner<'a> {
    text: &'a str,
    characters: Peekable<CharIndices<'a>>,
    line: usize,
}

impl<'a> Scanner<'a> {
    fn next(&mut self) -> Option<(usize, char)> {
        let next = self.characters.next();
        if matches!(next, Some((_, '\n'))) {
            self.line += 1;
        }
        next
    }

    fn peek(&mut self) -> Option<char> {
        self.characters.peek().map(|&(_, character)| character)
    }

    /// The text that has not been read yet.
    fn rest(&mut self) -> &'a str {
        let at = self
            .characters
            .peek()
            .map_or(self.text.len(), |&(at, _)| at);
        &self.text[at..]
    }

    /// The word whose first character, at `start`, has just been read.
    fn word_from(&mut self, start: usize) -> &'a str {
        while self.peek().is_some_and(is_word_part) {
            self.next();
        }
        &self.text[start..self.text.len() - self.rest().len()]
    }

    /// Skips the literal that `word` is the prefix of, if it is one: `r"..."`, `b'x'`, `cr#"..."#`.
    fn skip_literal_after(&mut self, word: &str) -> bool {
        match (word, self.peek()) {
            ("b" | "c", Some('"')) => {
                self.next();
                self.skip_string();
                true
            }
            ("b", Some('\'')) => {
                self.next();
                self.skip_character_or_lifetime();
                true
            }
            ("r" | "br" | "cr", Some('"' | '#')) => self.skip_raw(),
            _ => false,
        }
    }

    /// Skips a raw string from its hashes on. Of a raw identifier such as `r#fn` it skips the hash
    /// alone, so that the word itself comes next.
    fn skip_raw(&mut self) -> bool {
        let rest = self.rest();
        let hashes = rest.len() - rest.trim_start_matches('#').len();
        for _ in 0..hashes {
            self.next();
        }
        if self.peek() != Some('"') {
            return hashes == 1;
        }
        self.next();
        let end = format!("\"{}", "#".repeat(hashes));
        while !self.rest().is_empty() && !self.rest().starts_with(&end) {
            self.next();
        }
        for _ in 0..end.len() {
            self.next();
        }
        true
    }

    fn skip_line(&mut self) {
        while self.next().is_some_and(|(_, character)| character != '\n') {}
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 1;
        self.next();
        while depth > 0 {
            let Some((_, character)) = self.next() else {
                return;
            };
            match (character, self.peek()) {
                ('/', Some('*')) => {
                    self.next();
                    depth += 1;
                }
                ('*', Some('/')) => {
                    self.next();
                    depth -= 1;
                }
                _ => {}
            }
        }
    }

    fn skip_string(&mut self) {
        while let Some((_, character)) = self.next() {
            match character {
                '\\' => {
                    self.next();
                }
                '"' => return,
                _ => {}
            }
        }
    }

    /// After a quote: `'a'` and `'\n'` are characters, `'a` is a lifetime or a label.
    fn skip_character_or_lifetime(&mut self) {
        let mut ahead = self.rest().chars();
        match (ahead.next(), ahead.next()) {
            (Some('\\'), _) => {
                self.next();
                self.next();
                while self.next().is_some_and(|(_, character)| character != '\'') {}
            }
            (Some(_), Some('\'')) => {
                self.next();
                self.next();
            }
            (Some(character), _) if is_word_start(character) => {
                let start = self.text.len() - self.rest().len();
                self.next();
                self.word_from(start);
            }
            _ => {}
        }
    }
}

fn is_word_start(character: char) -> bool {
    character == '_' || character.is_alphabetic()
}

fn is_word_part(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        identifiers(text).iter().map(|found| found.word).collect()
    }

    #[test]
    fn comments_are_left_out() {
        assert_eq!(
            words("a // unsafe\nb /* unsafe /* nested */ unsafe */ c"),
            ["a", "b", "c"]
        );
        assert_eq!(words("/// unsafe\n//! unsafe\nd / e"), ["d", "e"]);
    }

    #[test]
    fn literals_are_left_out() {
        assert_eq!(words(r#"a("unsafe \" unsafe", b"x", c"y")"#), ["a"]);
        assert_eq!(
            words(r###"a r"\" b r##"x "# unsafe "## c br#"y"# d"###),
            ["a", "b", "c", "d"]
        );
        assert_eq!(
            words(r"a 'u' b '\'' c b'\\' d '\u{1F600}' e '/'"),
            ["a", "b", "c", "d", "e"]
        );
        assert_eq!(
            words("0xffu64 1e9 2.5f64.sqrt() 1..n"),
            ["sqrt", "n"],
            "numbers"
        );
    }

    #[test]
    fn lifetimes_do_not_open_a_character() {
        assert_eq!(
            words("fn f<'a>(x: &'a T) -> &'static U { 'l: loop { break 'l; } }"),
            ["fn", "f", "x", "T", "U", "loop", "break"]
        );
    }

    #[test]
    fn raw_identifiers_are_words() {
        assert_eq!(
            words("r#unsafe r#match radius"),
            ["unsafe", "match", "radius"]
        );
    }

    #[test]
    fn lines_are_counted_through_literals_and_comments() {
        let found = identifiers("\"x\n\\\ny\"\n/* \n */ r#\"\n\"# here");
        assert_eq!(
            found,
            [Identifier {
                word: "here",
                line: 6
            }]
        );
    }

    #[test]
    fn a_text_that_ends_within_a_literal_or_comment_ends_the_scan() {
        for text in ["a \"b", "a /* b", "a r#\"b", "a '\\", "a '", "a b'", "a r#"] {
            assert_eq!(words(text)[0], "a", "{text}");
        }
    }
}
