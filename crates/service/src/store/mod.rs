//! What a server keeps: a database and files. It knows neither requests nor jobs.

pub mod audit;
pub mod blobs;
pub mod blocking;
pub mod content;
pub mod db;
pub mod files;
pub mod folder;
pub mod networks;
pub mod queue;
pub mod rows;
mod upgrade;
