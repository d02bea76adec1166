//! The store in a file of SQLite.

mod budgets;
mod file;
mod logins;
mod outage;
mod records;
mod shared;
