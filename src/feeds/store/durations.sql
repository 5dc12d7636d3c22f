-- How long the finished runs of a feed took; not in files of earlier versions.
CREATE TABLE IF NOT EXISTS run_durations (
    feed INTEGER PRIMARY KEY,
    -- Runs that took no time.
    zero INTEGER NOT NULL,
    -- A JSON object: how many runs took up to 2^(key/8) seconds, and longer than
    -- those of the key before.
    buckets TEXT NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
