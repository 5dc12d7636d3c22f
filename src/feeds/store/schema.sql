-- Times are milliseconds since 1970 in UTC. A checksum is the CRC-32 of the
-- other columns of its row.
CREATE TABLE feeds (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    table_name TEXT NOT NULL,
    feed TEXT NOT NULL,
    -- When the counters began.
    created_at INTEGER NOT NULL,
    -- The end of its latest run; NULL if none has finished.
    active_at INTEGER,
    last_success_at INTEGER,
    failures_since_success INTEGER NOT NULL,
    -- The finished run that started last.
    newest_place INTEGER,
    newest_job TEXT,
    newest_state TEXT,
    -- The counters. runs is a JSON object: a count for each final state.
    runs TEXT NOT NULL,
    read_rows INTEGER NOT NULL,
    inserted_rows INTEGER NOT NULL,
    updated_rows INTEGER NOT NULL,
    rejected_rows INTEGER NOT NULL,
    error_rows INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    durations INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    UNIQUE (tenant, table_name, feed)
) STRICT;

-- Finished runs. A run is known by this key, and counted once.
CREATE TABLE runs (
    feed INTEGER NOT NULL,
    job TEXT NOT NULL,
    -- The end, or what comes closest to it.
    ordered_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    -- NULL in state and ended_at: only the key is known.
    state TEXT,
    read_rows INTEGER,
    inserted_rows INTEGER,
    updated_rows INTEGER,
    rejected_rows INTEGER,
    error_rows INTEGER,
    files INTEGER NOT NULL,
    workflow TEXT,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (feed, job)
) STRICT, WITHOUT ROWID;

CREATE INDEX runs_by_time ON runs (feed, ordered_at);

CREATE TABLE open_runs (
    feed INTEGER NOT NULL,
    job TEXT NOT NULL,
    state TEXT,
    started_at INTEGER,
    -- The start, or what comes closest to it.
    place INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (feed, job)
) STRICT, WITHOUT ROWID;
