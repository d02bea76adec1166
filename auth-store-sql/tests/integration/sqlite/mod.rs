//! The store in a file of SQLite.

mod file;
mod outage;
mod records;
mod shared;
