//! A real server, over TLS, with its database and files in a temporary folder.

mod attacks;
mod backup;
mod common;
mod crash;
mod hostile;
mod jobs;
mod operations;
mod training;
mod upgrade;
mod uploads;
