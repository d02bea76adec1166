-- Instants are nanoseconds since 1970. Keys are hashes or public ids, so they need no rules of a language.

CREATE TABLE portcullis_values (
    key TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX portcullis_values_ends_at ON portcullis_values (ends_at);

-- A value is a mark less 2^63, so that 64 bits fit. Without an end it is kept forever.
CREATE TABLE portcullis_marks (
    key TEXT COLLATE "C" PRIMARY KEY,
    value BIGINT NOT NULL,
    ends_at BIGINT
);
CREATE INDEX portcullis_marks_ends_at ON portcullis_marks (ends_at) WHERE ends_at IS NOT NULL;

CREATE TABLE portcullis_records (
    key TEXT COLLATE "C" PRIMARY KEY,
    owner TEXT COLLATE "C",
    indexes TEXT[] COLLATE "C" NOT NULL,
    since BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    value BYTEA NOT NULL
);
CREATE INDEX portcullis_records_owner ON portcullis_records (owner) WHERE owner IS NOT NULL;
CREATE INDEX portcullis_records_indexes ON portcullis_records USING gin (indexes) WHERE indexes <> '{}';
CREATE INDEX portcullis_records_ends_at ON portcullis_records (ends_at);

-- All records of this owner whose `since` is at or before `until` have ended.
CREATE TABLE portcullis_ended (
    owner TEXT COLLATE "C" PRIMARY KEY,
    until BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX portcullis_ended_ends_at ON portcullis_ended (ends_at);

-- Messages that are too long for a notification, which names them by their id.
CREATE TABLE portcullis_messages (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body BYTEA NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX portcullis_messages_ends_at ON portcullis_messages (ends_at);

-- A counter is five numbers in text: see `BudgetCounter` of auth-store.
CREATE TABLE portcullis_budgets (
    key TEXT COLLATE "C" PRIMARY KEY,
    counter TEXT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX portcullis_budgets_ends_at ON portcullis_budgets (ends_at);
