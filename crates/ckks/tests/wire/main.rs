//! The wire formats: round trips, hostile bytes, the folder of corrupted files and the
//! known-answer files.

mod corrupted;
mod hostile;
mod round_trips;
mod support;
mod vectors;
