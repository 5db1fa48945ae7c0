//! Servers in processes of their own, and commands that talk to them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::common::{tapetum, words};

/// `tapetum serve` in a process of its own.
pub struct Serving {
    process: Child,
    said: Value,
}

impl Serving {
    /// Starts it with these options, which name its folder.
    pub fn start(dir: &Path, options: &str) -> Self {
        let line = format!("--json serve --listen 127.0.0.1:0 --log quiet {options}");
        let mut process = tapetum(dir)
            .args(words(&line))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let said = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        Self { process, said }
    }

    /// Something that it said when it started.
    pub fn word(&self, name: &str) -> &str {
        self.said[name].as_str().unwrap()
    }

    /// `tapetum remote` with it, as the owner of its first tenant.
    pub fn remote(&self, dir: &Path, line: &str) -> Command {
        remote(dir, self, self.word("token"), line)
    }

    /// Whether it has made a first tenant.
    pub fn is_first_start(&self) -> bool {
        self.said["token"].is_string()
    }

    /// Asks it to end, which it does in order.
    pub fn end(mut self) {
        terminate(&self.process);
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
    }
}

/// Asks a process to end.
pub fn terminate(process: &Child) {
    let killed = Command::new("kill")
        .arg(process.id().to_string())
        .status()
        .unwrap();
    assert!(killed.success());
}

/// `tapetum remote` with this server and this token.
pub fn remote(dir: &Path, serving: &Serving, token: &str, line: &str) -> Command {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    let line = format!(
        "--json remote {command} --server {} --fingerprint {} {rest}",
        serving.word("url"),
        serving.word("fingerprint")
    );
    let mut prepared = tapetum(dir);
    prepared.args(words(&line)).env("TAPETUM_TOKEN", token);
    prepared
}

/// What a command prints that must succeed.
pub fn json(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}
