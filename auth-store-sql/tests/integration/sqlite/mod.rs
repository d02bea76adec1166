//! The store in a file of SQLite.

mod file;
mod records;
