//! The wire formats: round trips, hostile bytes, keys that stay in files, the folder of corrupted files and the
//! known-answer files.

mod corrupted;
mod hostile;
mod key_files;
mod round_trips;
mod support;
mod vectors;
