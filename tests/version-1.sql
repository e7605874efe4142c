-- The file as version 1 had it: what store/migration.py brings up to date.

CREATE TABLE stream (                       -- one row for each Redis stream that was ever read into this file
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    position TEXT NOT NULL DEFAULT '0-0',   -- id of the last entry whose rows are in this file
    entry_crc INTEGER,                      -- checksum of that entry, to tell it from another with the same id
    epoch INTEGER NOT NULL DEFAULT 0,       -- ids are comparable only within one: a reset stream starts the next
    added INTEGER,                          -- entries-added that is accounted for (read or known lost), Redis 7 and newer
    server TEXT,                            -- run_id of the redis-server that was read from last
    open_run INTEGER,                       -- the run that was heard of last
    received INTEGER NOT NULL DEFAULT 0,    -- always = stored + duplicate + rejected
    stored INTEGER NOT NULL DEFAULT 0,
    duplicate INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'new',      -- what the ingester is doing: see store/ingest.py
    since REAL,                             -- since when
    reason TEXT,                            -- and why, where it is in trouble
    head TEXT                               -- id of the newest entry of the stream, when last looked at
);

CREATE TABLE run (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL UNIQUE,
    declared INTEGER NOT NULL,              -- 0: no publisher named it; its events were put together by what they name
    generation INTEGER NOT NULL DEFAULT 0,  -- counts up when its events are numbered anew; < 0: being deleted
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    bytes INTEGER NOT NULL DEFAULT 0,       -- of the bodies of its events
    marked INTEGER NOT NULL DEFAULT 0,      -- 1: the user wants to keep it
    status TEXT NOT NULL, began INTEGER NOT NULL, mode TEXT, goal TEXT,
    started REAL, ended REAL, latest REAL,
    events INTEGER NOT NULL, nodes INTEGER NOT NULL, finished INTEGER NOT NULL, edges INTEGER NOT NULL,
    steps INTEGER NOT NULL, aborted INTEGER NOT NULL, llm_calls INTEGER NOT NULL, tool_calls INTEGER NOT NULL,
    tokens_in INTEGER, tokens_out INTEGER, errors INTEGER NOT NULL, error TEXT,
    roots TEXT NOT NULL, stepping TEXT, totals TEXT
);
CREATE INDEX run_by_change ON run (last_seq);

CREATE TABLE node (                         -- identity is (run, node_id): the same ids may come back in another run
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL,
    node_id TEXT NOT NULL,
    born INTEGER NOT NULL,                  -- position of the event that first named it
    created REAL, nid TEXT, node_type TEXT, task_type TEXT, goal TEXT, latest_goal TEXT, layer INTEGER,
    outer INTEGER, loop TEXT, root TEXT, children INTEGER NOT NULL,
    status TEXT, started REAL, finished REAL, busy REAL NOT NULL,
    step TEXT, calls TEXT, orphans TEXT, results TEXT,
    events INTEGER NOT NULL, steps INTEGER NOT NULL, aborted INTEGER NOT NULL,
    llm_calls INTEGER NOT NULL, tool_calls INTEGER NOT NULL,
    tokens_in INTEGER, tokens_out INTEGER, errors INTEGER NOT NULL
);
CREATE UNIQUE INDEX node_by_id ON node (node_id, run);
CREATE INDEX node_by_run ON node (run, born);
CREATE INDEX node_by_outer ON node (outer) WHERE outer IS NOT NULL;

CREATE TABLE edge (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL,
    owner TEXT NOT NULL, parent TEXT NOT NULL, child TEXT NOT NULL,
    born INTEGER NOT NULL, parent_nid TEXT, child_nid TEXT
);
CREATE UNIQUE INDEX edge_by_run ON edge (run, owner, parent, child);

CREATE TABLE event_type (key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

CREATE TABLE event (                        -- the structure; what an agent said in full is in body
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of arrival
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,              -- 1, 2, 3 ... within the run
    type INTEGER NOT NULL,
    node INTEGER,                           -- the node it is about
    time REAL NOT NULL,                     -- by the publisher's clock
    stream INTEGER, ms INTEGER NOT NULL, number INTEGER NOT NULL,  -- where it was read: stream, entry id
    event_id TEXT NOT NULL,
    identity INTEGER NOT NULL,              -- hash of the published run_id and the event_id, to find repetitions
    guessed INTEGER NOT NULL,               -- 1: published without run_id
    failed INTEGER NOT NULL,                -- 1: it reports an error
    old_status TEXT, status TEXT,           -- the status change that it brought, as folded
    facts TEXT NOT NULL                     -- what the fold and a timeline row need of the payload, as JSON
);
CREATE UNIQUE INDEX event_by_run ON event (run, position);
CREATE INDEX event_by_type ON event (run, type, position);
CREATE INDEX event_by_identity ON event (identity);
CREATE INDEX event_failed ON event (run, position) WHERE failed;
CREATE INDEX event_guessed ON event (run, position) WHERE guessed;

CREATE TABLE body (seq INTEGER PRIMARY KEY, crc INTEGER NOT NULL, data BLOB NOT NULL);  -- exactly as published

CREATE TABLE node_event (                   -- the n-th event that names a node, which may be about another one
    node INTEGER NOT NULL, n INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (node, n)
) WITHOUT ROWID;

CREATE TABLE rejected (                     -- read from Redis, but not an event
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    stream INTEGER, ms INTEGER NOT NULL, number INTEGER NOT NULL,
    found REAL NOT NULL, reason TEXT NOT NULL, data BLOB NOT NULL
);

CREATE TABLE gap (                          -- events that were gone from Redis before they were read
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    stream INTEGER NOT NULL, run INTEGER, seq INTEGER NOT NULL,  -- after this seq; run: the one heard of last
    found REAL NOT NULL, kind TEXT NOT NULL, lost INTEGER,       -- lost: NULL where nobody can know
    after TEXT NOT NULL, before TEXT, note TEXT NOT NULL
);
CREATE INDEX gap_by_run ON gap (run);

-- What people query. Columns of the reference servers first, under their names; then more.

CREATE VIEW runs AS SELECT
    run_id, strftime('%Y-%m-%dT%H:%M:%fZ', started, 'unixepoch') AS start_time,
    strftime('%Y-%m-%dT%H:%M:%fZ', ended, 'unixepoch') AS end_time, status, steps AS total_steps, nodes AS total_nodes,
    error AS error_message, json_extract(roots, '$[0]') AS root_node_id,
    strftime('%Y-%m-%dT%H:%M:%fZ', started, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', latest, 'unixepoch') AS updated_at,
    goal, mode, declared, events AS total_events, finished AS finished_nodes, edges AS total_edges, llm_calls, tool_calls,
    tokens_in, tokens_out, errors, aborted AS aborted_steps, bytes, roots
FROM run WHERE generation >= 0;

CREATE VIEW nodes AS SELECT
    n.node_id, r.run_id, n.nid AS node_nid, n.node_type, n.task_type, n.goal AS task_goal, n.status, n.layer,
    o.node_id AS outer_node_id, n.root AS root_node_id,
    (SELECT CASE WHEN json_valid(CAST(b.data AS TEXT)) THEN json_object(
            'action_name', json_extract(CAST(b.data AS TEXT), '$.payload.action_name'),
            'result_summary', json_extract(CAST(b.data AS TEXT), '$.payload.result_summary')) END
        FROM event e JOIN body b ON b.seq = e.seq
        WHERE e.run = n.run AND e.position = coalesce(json_extract(n.results, '$.final_aggregate'),
            json_extract(n.results, '$.execute'), json_extract(n.results, '$.plan'))) AS result,
    NULL AS metadata,
    strftime('%Y-%m-%dT%H:%M:%fZ', n.created, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(n.finished, n.started, n.created), 'unixepoch') AS updated_at,
    n.latest_goal, n.created IS NULL AS placeholder, n.busy AS busy_seconds, n.events AS total_events, n.llm_calls,
    n.tool_calls, n.tokens_in, n.tokens_out, n.errors, n.aborted AS aborted_steps
FROM node n JOIN run r ON r.key = n.run LEFT JOIN node o ON o.key = n.outer WHERE r.generation >= 0;

CREATE VIEW edges AS SELECT
    e.key AS id, r.run_id, e.parent AS parent_node_id, e.child AS child_node_id, e.parent_nid, e.child_nid,
    NULL AS metadata, strftime('%Y-%m-%dT%H:%M:%fZ', v.time, 'unixepoch') AS created_at, e.owner AS owner_node_id
FROM edge e JOIN run r ON r.key = e.run LEFT JOIN event v ON v.run = e.run AND v.position = e.born
WHERE r.generation >= 0;

CREATE VIEW events AS SELECT
    e.seq AS id, e.event_id, r.run_id, t.name AS event_type,
    -- microseconds, which SQLite's own functions do not have; counted from long ago, so that none is negative
    strftime('%Y-%m-%dT%H:%M:%S',
            (CAST(round(e.time * 1000000) AS INTEGER) + 100000000000000000) / 1000000 - 100000000000, 'unixepoch')
        || printf('.%06dZ', (CAST(round(e.time * 1000000) AS INTEGER) + 100000000000000000) % 1000000) AS timestamp,
    (SELECT CASE WHEN json_valid(CAST(b.data AS TEXT)) THEN json_extract(CAST(b.data AS TEXT), '$.payload') END
        FROM body b WHERE b.seq = e.seq) AS payload,
    n.node_id, strftime('%Y-%m-%dT%H:%M:%fZ', e.ms / 1000.0, 'unixepoch') AS created_at,
    e.position, e.old_status, e.status, e.failed, json_extract(e.facts, '$.step') AS step,
    json_extract(e.facts, '$.duration_seconds') AS duration_seconds,
    json_extract(e.facts, '$.token_usage.prompt_tokens') AS tokens_in,
    json_extract(e.facts, '$.token_usage.completion_tokens') AS tokens_out, e.ms || '-' || e.number AS stream_id
FROM event e JOIN run r ON r.key = e.run JOIN event_type t ON t.key = e.type LEFT JOIN node n ON n.key = e.node
WHERE r.generation >= 0;

CREATE VIEW node_status_history AS SELECT
    n.node_id, r.run_id,
    strftime('%Y-%m-%dT%H:%M:%fZ', e.time, 'unixepoch') AS timestamp, e.old_status, e.status AS new_status, e.position
FROM event e JOIN run r ON r.key = e.run JOIN node n ON n.key = e.node
WHERE e.status IS NOT NULL AND r.generation >= 0;

CREATE VIEW node_execution_timeline AS SELECT
    n.node_id, r.run_id, n.nid AS node_nid, n.task_type, n.goal AS task_goal,
    strftime('%Y-%m-%dT%H:%M:%fZ', n.created, 'unixepoch') AS created_time,
    strftime('%Y-%m-%dT%H:%M:%fZ', n.started, 'unixepoch') AS execution_start,
    strftime('%Y-%m-%dT%H:%M:%fZ', n.finished, 'unixepoch') AS completion_time
FROM node n JOIN run r ON r.key = n.run WHERE r.generation >= 0;

CREATE VIEW node_tree AS                    -- containment, which the edges do not hold: they join siblings only
WITH RECURSIVE tree (run, key, node_id, parent_id, depth, path) AS (
    SELECT run, key, node_id, NULL, 0, coalesce(nullif(nid, ''), node_id) FROM node WHERE outer IS NULL
    UNION ALL
    SELECT n.run, n.key, n.node_id, t.node_id, t.depth + 1, t.path || '/' || coalesce(n.nid, n.node_id)
    FROM tree t JOIN node n ON n.outer = t.key
)
SELECT r.run_id, t.node_id, t.parent_id, t.depth, t.path FROM tree t JOIN run r ON r.key = t.run
WHERE r.generation >= 0;
