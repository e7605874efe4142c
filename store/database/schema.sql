-- The schema of the file. Ingest writes the tables (singular names); people query the views (plural names). Times are
-- seconds since 1970 in tables and ISO 8601 text in UTC in views.

CREATE TABLE stream (                       -- Redis streams that were read into this file
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    address TEXT NOT NULL DEFAULT '',       -- host:port/db or path/db; empty: read by version 1 or 2
    position TEXT NOT NULL DEFAULT '0-0',   -- id of the last stored entry
    entry_crc INTEGER,                      -- checksum of that entry: another entry may have its id
    epoch INTEGER NOT NULL DEFAULT 0,       -- counts resets of the stream; ids of different epochs are not comparable
    added INTEGER,                          -- entries read or known to be lost, of entries-added (Redis 7 and newer)
    server TEXT,                            -- run_id of the redis-server of the last read
    open_run INTEGER,                       -- run of the newest event
    received INTEGER NOT NULL DEFAULT 0,    -- always = stored + duplicate + rejected
    stored INTEGER NOT NULL DEFAULT 0,
    duplicate INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'new',      -- what the ingester is doing, see store/stream/ingest.py
    since REAL,                             -- time of the change to this state
    reason TEXT,                            -- reason of a state that is an error
    head TEXT,                              -- id of the newest entry of the stream at the last read
    pruned INTEGER NOT NULL DEFAULT 0,      -- rejected entries that were deleted from the table rejected
    UNIQUE (address, name)                  -- streams of the same name on different servers are different
);

CREATE TABLE run (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL UNIQUE,
    declared INTEGER NOT NULL,              -- 0: no publisher named it; its events were attributed
    generation INTEGER NOT NULL DEFAULT 0,  -- increases when the run is rebuilt; < 0: being deleted
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    bytes INTEGER NOT NULL DEFAULT 0,       -- total size of the bodies of its events
    marked INTEGER NOT NULL DEFAULT 0,      -- 1: pinned by the user, never pruned
    status TEXT NOT NULL, began INTEGER NOT NULL, mode TEXT, goal TEXT,
    started REAL, ended REAL, latest REAL,
    events INTEGER NOT NULL, nodes INTEGER NOT NULL, finished INTEGER NOT NULL, edges INTEGER NOT NULL,
    steps INTEGER NOT NULL, aborted INTEGER NOT NULL, llm_calls INTEGER NOT NULL, tool_calls INTEGER NOT NULL,
    tokens_in INTEGER, tokens_out INTEGER, busy REAL NOT NULL, cost REAL, unpriced INTEGER NOT NULL,
    errors INTEGER NOT NULL, error TEXT,
    root TEXT, roots INTEGER NOT NULL,      -- first root; number of roots (nodes whose root is themselves)
    unfinished_roots INTEGER NOT NULL,      -- roots whose status is not FINISH
    parallel INTEGER NOT NULL,              -- 1: steps of different nodes may overlap
    totals TEXT,
    active TEXT,                            -- JSON: [node id, llm, tool or step, since] of each node that is working
    calls TEXT, orphans TEXT, failed_call TEXT,  -- JSON: calls of no known node
    alarms TEXT,                            -- JSON: signs that it runs away, by name: how many
    skew REAL                               -- largest skew of its events
);
CREATE INDEX run_open ON run (last_seq) WHERE ended IS NULL;  -- for the attribution of events without a run

CREATE TABLE run_change (                   -- the newest change of each run, including deleted runs
    run INTEGER PRIMARY KEY,
    number INTEGER NOT NULL                 -- becomes the highest number when the row or a gap of the run changes
);
CREATE UNIQUE INDEX run_change_by_number ON run_change (number);
CREATE TRIGGER run_inserted AFTER INSERT ON run BEGIN
    INSERT INTO run_change VALUES (NEW.key, (SELECT coalesce(max(number), 0) + 1 FROM run_change))
    ON CONFLICT (run) DO UPDATE SET number = excluded.number;
END;
CREATE TRIGGER run_updated AFTER UPDATE ON run BEGIN
    UPDATE run_change SET number = (SELECT max(number) + 1 FROM run_change) WHERE run = NEW.key;
END;
CREATE TRIGGER run_deleted AFTER DELETE ON run BEGIN
    UPDATE run_change SET number = (SELECT max(number) + 1 FROM run_change) WHERE run = OLD.key;
END;

CREATE TABLE node (                         -- identified by (run, node_id): runs may share node ids
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL,
    node_id TEXT NOT NULL,
    born INTEGER NOT NULL,                  -- position of the first event that names it
    created REAL, nid TEXT, node_type TEXT, task_type TEXT, goal TEXT, latest_goal TEXT, layer INTEGER,
    outer INTEGER, loop TEXT, root TEXT, children INTEGER NOT NULL,
    status TEXT, started REAL, finished REAL, busy REAL NOT NULL,
    step INTEGER,                           -- born of its latest step
    calls TEXT, orphans TEXT, failed_call TEXT,
    streaks TEXT, repeats INTEGER, results TEXT,  -- streaks: JSON: failures in a row; repeats: levels up to the same goal
    events INTEGER NOT NULL, steps INTEGER NOT NULL, aborted INTEGER NOT NULL,
    llm_calls INTEGER NOT NULL, tool_calls INTEGER NOT NULL,
    tokens_in INTEGER, tokens_out INTEGER, cost REAL, unpriced INTEGER NOT NULL,
    errors INTEGER NOT NULL, troubled INTEGER,
    beneath TEXT                            -- JSON: sums of all nodes beneath, in the order of the fields of Sums
);
CREATE UNIQUE INDEX node_by_id ON node (node_id, run);
CREATE INDEX node_by_run ON node (run, key, outer, born);  -- covers the query of the shape of a tree
CREATE INDEX node_execution ON node (run, key) WHERE node_type = 'EXECUTE_NODE' AND nid = '0';  -- of the tasks around them
CREATE INDEX node_troubled ON node (run, key, troubled) WHERE troubled IS NOT NULL;
CREATE INDEX node_by_outer ON node (outer) WHERE outer IS NOT NULL;
CREATE INDEX node_root ON node (run, key) WHERE root = node_id;

CREATE TABLE edge (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL,
    owner INTEGER NOT NULL, parent INTEGER NOT NULL, child INTEGER NOT NULL,  -- keys of nodes; owner 0: none
    born INTEGER NOT NULL, parent_nid TEXT, child_nid TEXT
);
CREATE UNIQUE INDEX edge_by_run ON edge (run, owner, parent, child);

CREATE TABLE span (                         -- steps and calls
    run INTEGER NOT NULL,
    born INTEGER NOT NULL,                  -- position of its first event
    kind TEXT NOT NULL,                     -- step, llm or tool
    node INTEGER,                           -- NULL: a call of no known node
    label TEXT NOT NULL,                    -- action of an ended step; agent class; tool and function
    parent INTEGER,                         -- born of the step that a call belongs to
    number INTEGER,                         -- number of a step
    call_id TEXT, inferred INTEGER NOT NULL,
    began INTEGER, started REAL, model TEXT, arguments INTEGER,  -- beginning: position, ..., checksum; NULL: unknown
    aborted INTEGER, latest REAL,           -- abort: position, and time of the event before it
    ended INTEGER, finished REAL, seconds REAL, failed INTEGER NOT NULL, answered TEXT,  -- end: position, time, ...
    tokens_in INTEGER, tokens_cached INTEGER, tokens_written INTEGER, tokens_out INTEGER, tokens_reasoning INTEGER,
    cost REAL, priced_as TEXT, tries INTEGER,  -- priced_as: source/model of its price; NULL: published, or unknown
    withdrawn INTEGER,                      -- position from which another span has the call
    PRIMARY KEY (run, born)
) WITHOUT ROWID;
CREATE INDEX span_by_node ON span (node, born) WHERE node IS NOT NULL;
CREATE INDEX span_failed ON span (run, ended) WHERE failed;
CREATE INDEX span_aborted ON span (run, aborted) WHERE kind = 'step' AND aborted IS NOT NULL;

CREATE TABLE event_type (key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

CREATE TABLE event (                        -- events without their bodies
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of arrival
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,              -- 1, 2, 3 ... within the run
    type INTEGER NOT NULL,
    node INTEGER,                           -- the node that it is about
    named INTEGER NOT NULL,                 -- 1: its payload names this node as its subject
    time REAL NOT NULL,                     -- by the publisher's clock; time of arrival if that clock is wrong
    skew REAL,                              -- seconds by which a wrong clock is ahead of the arrival (< 0: behind)
    stream INTEGER, ms INTEGER NOT NULL, number INTEGER NOT NULL,  -- stream and entry id
    event_id BLOB NOT NULL,                 -- TEXT, or the 16 bytes of a UUID in canonical form
    identity INTEGER NOT NULL,              -- hash of the published run_id and the event_id, to find repetitions
    guessed INTEGER NOT NULL,               -- 1: published without run_id
    inferred INTEGER NOT NULL,              -- bits: 1: its run is inferred; 2: its node is inferred
    failed INTEGER NOT NULL,                -- 1: it reports an error
    turn INTEGER NOT NULL,                  -- 1: a step of its node begins or ends, or the node's status changes
    old_status TEXT, status TEXT,           -- status of the node before and after, if it changes
    price REAL, priced_as TEXT,             -- of the call that it ends, if no cost was published: US dollars, source/model
    step INTEGER, label TEXT, model TEXT,   -- label: agent class, tool or action
    duration, tokens_in INTEGER, tokens_out INTEGER, error TEXT,  -- duration: REAL, untyped to keep the sign of 0
    facts TEXT NOT NULL                     -- JSON: the other fields that the fold and the timeline use, see event_row.py
);
CREATE INDEX event_by_run ON event (run, position, type);  -- covers the search for the next event of a type
CREATE INDEX event_by_identity ON event (identity);
CREATE INDEX event_failed ON event (run, position) WHERE failed;
CREATE INDEX event_turn ON event (node, position) WHERE turn;
CREATE INDEX event_guessed ON event (run, position) WHERE guessed;
CREATE INDEX event_inferred ON event (run, position) WHERE inferred;

CREATE TABLE body (seq INTEGER PRIMARY KEY, crc INTEGER NOT NULL, data BLOB NOT NULL);  -- the published bytes

CREATE TABLE node_event (                   -- the n-th event that concerns a node
    node INTEGER NOT NULL, n INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (node, n)
) WITHOUT ROWID;

-- The past. A checkpoint holds a run every 100 events, and a version holds each node that changed since the previous
-- checkpoint. A run at any position is the newest checkpoint before it, and the fold of the events that follow.

CREATE TABLE checkpoint (                   -- a run at a position
    run INTEGER NOT NULL, position INTEGER NOT NULL,
    time REAL NOT NULL, nodes INTEGER NOT NULL, errors INTEGER NOT NULL,
    llm_calls INTEGER NOT NULL, tool_calls INTEGER NOT NULL, tokens_in INTEGER, tokens_out INTEGER,
    data BLOB NOT NULL,                     -- MessagePack: the Run, see checkpoint_row.py
    PRIMARY KEY (run, position)
) WITHOUT ROWID;

CREATE TABLE version (                      -- a node from a position on
    node INTEGER NOT NULL, position INTEGER NOT NULL,
    step INTEGER,                           -- born of its latest step
    data BLOB NOT NULL,                     -- MessagePack: the Node without what is in its row, see version_row.py
    PRIMARY KEY (node, position)
) WITHOUT ROWID;

CREATE TABLE move (                         -- an existing node got another parent
    run INTEGER NOT NULL, position INTEGER NOT NULL, n INTEGER NOT NULL,
    node INTEGER NOT NULL, before INTEGER, after INTEGER,
    PRIMARY KEY (run, position, n)
) WITHOUT ROWID;

CREATE TABLE rejected (                     -- entries that are not events
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    stream INTEGER, ms INTEGER NOT NULL, number INTEGER NOT NULL,
    found REAL NOT NULL, reason TEXT NOT NULL, data BLOB NOT NULL
);
CREATE INDEX rejected_by_entry ON rejected (stream, ms, number);  -- a repeated entry is stored once

CREATE TABLE gap (                          -- entries that were lost before they were read
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    stream INTEGER NOT NULL, run INTEGER, seq INTEGER NOT NULL,  -- newest event before the gap, and its run unless ended
    found REAL NOT NULL, kind TEXT NOT NULL, lost INTEGER,       -- lost: number of entries; NULL: unknown
    after TEXT NOT NULL, before TEXT, note TEXT NOT NULL
);
CREATE INDEX gap_by_run ON gap (run);
CREATE TRIGGER gap_inserted AFTER INSERT ON gap BEGIN
    UPDATE run_change SET number = (SELECT max(number) + 1 FROM run_change) WHERE run = NEW.run;
END;
CREATE TRIGGER gap_moved AFTER UPDATE OF run ON gap BEGIN
    UPDATE run_change SET number = (SELECT max(number) + 1 FROM run_change) WHERE run = NEW.run;
    UPDATE run_change SET number = (SELECT max(number) + 1 FROM run_change) WHERE run = OLD.run;
END;
CREATE TRIGGER gap_deleted AFTER DELETE ON gap BEGIN
    UPDATE run_change SET number = (SELECT max(number) + 1 FROM run_change) WHERE run = OLD.run;
END;

-- The views. The columns of the reference servers come first, under their names. `errors` includes aborted steps, as in
-- screens and JSON.

CREATE VIEW runs AS SELECT
    run_id, strftime('%Y-%m-%dT%H:%M:%fZ', started, 'unixepoch') AS start_time,
    strftime('%Y-%m-%dT%H:%M:%fZ', ended, 'unixepoch') AS end_time, status, steps AS total_steps, nodes AS total_nodes,
    error AS error_message, root AS root_node_id,
    strftime('%Y-%m-%dT%H:%M:%fZ', started, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', latest, 'unixepoch') AS updated_at,
    goal, mode, declared, events AS total_events, finished AS finished_nodes, edges AS total_edges, llm_calls, tool_calls,
    tokens_in, tokens_out, errors + aborted AS errors, aborted AS aborted_steps, cost, unpriced AS unpriced_calls, bytes,
    (SELECT json_group_array(node_id) FROM
        (SELECT n.node_id FROM node n WHERE n.run = run.key AND n.root = n.node_id ORDER BY n.key)) AS roots,
    skew AS skew_seconds
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
    n.tool_calls, n.tokens_in, n.tokens_out, n.errors + n.aborted AS errors, n.aborted AS aborted_steps, n.cost,
    n.unpriced AS unpriced_calls
FROM node n JOIN run r ON r.key = n.run LEFT JOIN node o ON o.key = n.outer WHERE r.generation >= 0;

CREATE VIEW edges AS SELECT
    e.key AS id, r.run_id, p.node_id AS parent_node_id, c.node_id AS child_node_id, e.parent_nid, e.child_nid,
    NULL AS metadata, strftime('%Y-%m-%dT%H:%M:%fZ', v.time, 'unixepoch') AS created_at,
    coalesce(o.node_id, '') AS owner_node_id
FROM edge e JOIN run r ON r.key = e.run JOIN node p ON p.key = e.parent JOIN node c ON c.key = e.child
    LEFT JOIN node o ON o.key = e.owner LEFT JOIN event v ON v.run = e.run AND v.position = e.born
WHERE r.generation >= 0;

CREATE VIEW spans AS SELECT
    r.run_id, n.node_id, s.born AS id, s.parent AS parent_id, s.kind, s.label, coalesce(s.answered, s.model) AS model,
    s.number AS step,
    CASE WHEN s.ended IS NOT NULL THEN iif(s.failed, 'failed', 'ok') WHEN s.aborted IS NOT NULL THEN 'aborted'
        ELSE 'open' END AS outcome,
    strftime('%Y-%m-%dT%H:%M:%fZ', s.started, 'unixepoch') AS start_time,
    strftime('%Y-%m-%dT%H:%M:%fZ', s.finished, 'unixepoch') AS end_time,
    coalesce(s.seconds, s.finished - s.started) AS seconds, s.tokens_in, s.tokens_cached, s.tokens_written, s.tokens_out,
    s.tokens_reasoning, s.cost, s.priced_as, s.tries, s.inferred, s.call_id, s.began AS start_position, s.ended AS end_position
FROM span s JOIN run r ON r.key = s.run LEFT JOIN node n ON n.key = s.node
WHERE s.withdrawn IS NULL AND r.generation >= 0;

CREATE VIEW events AS SELECT
    e.seq AS id,
    CASE typeof(e.event_id) WHEN 'text' THEN e.event_id ELSE (SELECT substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-'
        || substr(h, 13, 4) || '-' || substr(h, 17, 4) || '-' || substr(h, 21) FROM (SELECT lower(hex(e.event_id)) AS h))
        END AS event_id,
    r.run_id, t.name AS event_type,
    -- SQLite's functions have no microseconds; the offset keeps the modulo positive
    strftime('%Y-%m-%dT%H:%M:%S',
            (CAST(round(e.time * 1000000) AS INTEGER) + 100000000000000000) / 1000000 - 100000000000, 'unixepoch')
        || printf('.%06dZ', (CAST(round(e.time * 1000000) AS INTEGER) + 100000000000000000) % 1000000) AS timestamp,
    (SELECT CASE WHEN json_valid(CAST(b.data AS TEXT)) THEN json_extract(CAST(b.data AS TEXT), '$.payload') END
        FROM body b WHERE b.seq = e.seq) AS payload,
    n.node_id, strftime('%Y-%m-%dT%H:%M:%fZ', e.ms / 1000.0, 'unixepoch') AS created_at,
    e.position, e.old_status, e.status, e.failed, e.step, e.duration AS duration_seconds, e.tokens_in, e.tokens_out,
    e.ms || '-' || e.number AS stream_id, e.skew AS skew_seconds, e.inferred, e.label, e.model, e.error
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

CREATE VIEW node_tree AS                    -- the tree of tasks; edges are dependencies between siblings
WITH RECURSIVE tree (run, key, node_id, parent_id, depth, path) AS (
    SELECT run, key, node_id, NULL, 0, coalesce(nullif(nid, ''), node_id) FROM node WHERE outer IS NULL
    UNION ALL
    SELECT n.run, n.key, n.node_id, t.node_id, t.depth + 1, t.path || '/' || coalesce(n.nid, n.node_id)
    FROM tree t JOIN node n ON n.outer = t.key
)
SELECT r.run_id, t.node_id, t.parent_id, t.depth, t.path FROM tree t JOIN run r ON r.key = t.run
WHERE r.generation >= 0;
