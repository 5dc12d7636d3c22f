-- The tables that version 3 of the format added or changed.
CREATE TABLE tenants ( -- amperity_exporter
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    -- feeds or workflows.
    kind TEXT NOT NULL,
    -- Runs first seen finished that ended before this are not counted.
    history_until INTEGER,
    -- All runs of this time are known.
    covered_since INTEGER,
    covered_until INTEGER,
    checksum INTEGER NOT NULL,
    UNIQUE (tenant, kind)
) STRICT;

-- Failed runs of a workflow, which has a row in feeds: table_name is its name,
-- feed its type.
CREATE TABLE workflow_failures (
    feed INTEGER PRIMARY KEY,
    -- The counters, by attribution.
    customer INTEGER NOT NULL,
    platform INTEGER NOT NULL,
    unknown INTEGER NOT NULL,
    -- The run that failed last, and why.
    run TEXT,
    attribution TEXT,
    error_type TEXT,
    message TEXT,
    checksum INTEGER NOT NULL
) STRICT;

-- For people: names and times in plain text.
CREATE VIEW run_history AS
SELECT tenants.tenant, feeds.table_name, feeds.feed, runs.job, runs.state,
    datetime(runs.started_at / 1000, 'unixepoch') AS started,
    datetime(runs.ended_at / 1000, 'unixepoch') AS ended,
    (runs.ended_at - runs.started_at) / 1000.0 AS seconds,
    runs.read_rows, runs.inserted_rows, runs.updated_rows, runs.rejected_rows,
    runs.error_rows, runs.files, runs.workflow
FROM runs
JOIN feeds ON feeds.id = runs.feed
JOIN tenants ON tenants.id = feeds.tenant
WHERE tenants.kind = 'feeds';

CREATE VIEW workflow_history AS
SELECT tenants.tenant, feeds.table_name AS workflow, feeds.feed AS type,
    runs.job AS workflow_id, runs.state,
    datetime(runs.started_at / 1000, 'unixepoch') AS started,
    datetime(runs.ended_at / 1000, 'unixepoch') AS ended,
    (runs.ended_at - runs.started_at) / 1000.0 AS seconds
FROM runs
JOIN feeds ON feeds.id = runs.feed
JOIN tenants ON tenants.id = feeds.tenant
WHERE tenants.kind = 'workflows';
