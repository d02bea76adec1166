-- Instants are nanoseconds since 1970. Keys are hashes or public ids.

CREATE TABLE portcullis_values (
    key TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX portcullis_values_ends_at ON portcullis_values (ends_at);

-- A value is a mark less 2^63, so that 64 bits fit. Without an end it is kept forever.
CREATE TABLE portcullis_marks (
    key TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL,
    ends_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX portcullis_marks_ends_at ON portcullis_marks (ends_at) WHERE ends_at IS NOT NULL;

-- `indexes` is a list of keys in JSON, in the order of the record. Triggers keep `portcullis_indexes` like it, so every change
-- of a record is one statement.
CREATE TABLE portcullis_records (
    key TEXT NOT NULL PRIMARY KEY,
    owner TEXT,
    indexes TEXT NOT NULL,
    since INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    value BLOB NOT NULL
) STRICT;
CREATE INDEX portcullis_records_owner ON portcullis_records (owner) WHERE owner IS NOT NULL;
CREATE INDEX portcullis_records_ends_at ON portcullis_records (ends_at);

CREATE TABLE portcullis_indexes (
    index_key TEXT NOT NULL,
    record_key TEXT NOT NULL,
    PRIMARY KEY (index_key, record_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX portcullis_indexes_record ON portcullis_indexes (record_key);

CREATE TRIGGER portcullis_records_added AFTER INSERT ON portcullis_records WHEN NEW.indexes <> '[]' BEGIN
    INSERT OR IGNORE INTO portcullis_indexes (index_key, record_key) SELECT value, NEW.key FROM json_each(NEW.indexes);
END;
CREATE TRIGGER portcullis_records_changed AFTER UPDATE OF indexes ON portcullis_records WHEN NEW.indexes <> OLD.indexes BEGIN
    DELETE FROM portcullis_indexes WHERE record_key = NEW.key;
    INSERT OR IGNORE INTO portcullis_indexes (index_key, record_key) SELECT value, NEW.key FROM json_each(NEW.indexes);
END;
CREATE TRIGGER portcullis_records_removed AFTER DELETE ON portcullis_records WHEN OLD.indexes <> '[]' BEGIN
    DELETE FROM portcullis_indexes WHERE record_key = OLD.key;
END;

-- All records of this owner whose `since` is at or before `until` have ended.
CREATE TABLE portcullis_ended (
    owner TEXT NOT NULL PRIMARY KEY,
    until INTEGER NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX portcullis_ended_ends_at ON portcullis_ended (ends_at);

-- A counter is five numbers in text: see `BudgetCounter` of auth-store.
CREATE TABLE portcullis_budgets (
    key TEXT NOT NULL PRIMARY KEY,
    counter TEXT NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX portcullis_budgets_ends_at ON portcullis_budgets (ends_at);
