pub mod cluster;
pub mod lookups;
pub mod memory;
pub mod outage;
pub mod passwords;
pub mod registry;
pub mod revocations;
