/// What a transaction begins and ends with.
enum PostgresCommand {
    case begin
    case commit
    case rollback

    var name: String {
        switch self {
        case .begin: "begin"
        case .commit: "commit"
        case .rollback: "rollback"
        }
    }

    var sql: String {
        switch self {
        // Each transaction of a hub sees one state. Two that change one row, such as a network's, cannot both stand:
        // the second is taken again. What two hubs may decide side by side without that, they may decide in any order.
        case .begin: "BEGIN ISOLATION LEVEL REPEATABLE READ"
        case .commit: "COMMIT"
        case .rollback: "ROLLBACK"
        }
    }
}

/// The statements over the hub's tables (``PostgreSQLHubSchema``). Their parameters have the types that casts name.
enum PostgresStatement: String, CaseIterable {
    case nodeCount, pools
    case registrations, unseen, revocations, mailboxes, headers, mail, networks, entries, boxes, boxed
    case register, mark, deregister, deposit, removeMail, trimMail, removeOldMail, setLog, addEntry, revoke, tell
    case keepBoxes, removeBoxes, setSecret
    case latestChange, changes, beat, hubs, incarnation, renew, forgetChanges

    var sql: String {
        switch self {
        case .nodeCount: "SELECT coalesce(sum(nodes), 0)::bigint FROM tally"
        case .pools: "SELECT kind, sum(cost)::bigint FROM pool GROUP BY kind HAVING sum(cost) > 0"
        case .registrations:
            "SELECT key, contacts, registered, seen, mark, homes, keys FROM node WHERE key = ANY ($1::bytea[])"
        case .unseen:
            """
            SELECT key, contacts, registered, seen, mark, homes, keys FROM node WHERE seen < $1::bigint ORDER BY seen
            LIMIT $2::bigint
            """
        case .revocations: "SELECT pair, until, signature FROM revoked WHERE pair = ANY ($1::bytea[])"
        case .mailboxes:
            """
            SELECT target, id, kind, sender, network, work, cost, sealed, deposited FROM mail
            WHERE target = ANY ($1::bytea[]) ORDER BY sequence
            """
        case .headers:
            """
            SELECT target, id, kind, sender, network, work, cost FROM mail
            WHERE target = ANY ($1::bytea[]) ORDER BY sequence
            """
        case .mail:
            """
            SELECT target, id FROM mail
            WHERE (target, id) IN (SELECT * FROM unnest($1::bytea[], $2::text[]))
            """
        case .networks:
            """
            SELECT id, edition, CASE WHEN edition::text <> known THEN state END
            FROM log JOIN unnest($1::bytea[], $2::text[]) AS asked (id, known) USING (id)
            """
        case .entries:
            """
            SELECT document FROM entry WHERE log = $1::bytea AND sequence > coalesce(
                (SELECT max(sequence) FROM entry WHERE log = $1::bytea AND hash = ANY ($2::bytea[])), -1
            ) ORDER BY sequence LIMIT $3::bigint
            """
        case .boxes: "SELECT reader, box FROM box WHERE log = $1::bytea AND reader = ANY ($2::bytea[])"
        case .boxed: "SELECT reader FROM box WHERE log = $1::bytea AND key = $2::bytea"
        case .register, .mark, .deregister, .deposit, .removeMail, .trimMail, .removeOldMail, .setLog, .addEntry,
            .revoke, .tell, .keepBoxes, .removeBoxes, .setSecret:
            change
        case .latestChange, .changes, .beat, .hubs, .incarnation, .renew, .forgetChanges:
            feed
        }
    }

    /// The statements that change something.
    private var change: String {
        switch self {
        case .register:
            """
            INSERT INTO node (key, contacts, registered, seen, homes, keys)
            VALUES ($1::bytea, $2::text, $3::bigint, $4::bigint, $5::bytea, $6::text)
            ON CONFLICT (key) DO UPDATE SET
                contacts = excluded.contacts, registered = excluded.registered, seen = excluded.seen,
                homes = excluded.homes, keys = excluded.keys
            """
        case .mark: "UPDATE node SET mark = $2::text WHERE key = $1::bytea"
        case .deregister: "DELETE FROM node WHERE key = $1::bytea"
        case .deposit:
            """
            INSERT INTO mail (target, id, sealed, deposited, kind, sender, network, work, cost)
            VALUES ($1::bytea, $2::text, $3::bytea, $4::bigint, $5::bigint, $6::bigint, $7::bigint, $8::bigint,
                $9::bigint)
            """
        case .removeMail: "DELETE FROM mail WHERE target = $1::bytea AND id = ANY ($2::text[])"
        case .trimMail: "SELECT trim_mail($1::bigint, $2::bigint)"
        case .removeOldMail: "DELETE FROM mail WHERE deposited < $1::bigint"
        case .setLog:
            """
            INSERT INTO log (id, state, edition)
            VALUES ($1::bytea, $2::text, 1 + floor(random() * 9007199254740991)::bigint)
            ON CONFLICT (id) DO UPDATE SET state = excluded.state, edition = excluded.edition
            """
        case .addEntry:
            """
            INSERT INTO entry (log, sequence, hash, document)
            VALUES ($1::bytea, $2::bigint, $3::bytea, $4::text)
            """
        case .revoke: "SELECT add_revocation($1::bytea, $2::bigint, $3::bigint, $4::bytea, $5::bigint)"
        case .tell: "INSERT INTO change (hub, kind, subject) VALUES ($1::bytea, $2::bigint, $3::bytea)"
        case .keepBoxes:
            """
            INSERT INTO box (log, reader, key, box)
            SELECT $1::bytea, reader, $2::bytea, box FROM unnest($3::bytea[], $4::bytea[]) AS new (reader, box)
            ON CONFLICT (log, reader) DO UPDATE SET key = excluded.key, box = excluded.box
            """
        case .removeBoxes: "DELETE FROM box WHERE log = $1::bytea AND reader = ANY ($2::bytea[])"
        case .setSecret: "UPDATE cluster SET secret = coalesce(secret, $1::bytea) RETURNING secret"
        case .nodeCount, .pools, .registrations, .unseen, .revocations, .mailboxes, .headers, .mail, .networks,
            .entries, .boxes, .boxed, .latestChange, .changes, .beat, .hubs, .incarnation, .renew, .forgetChanges:
            preconditionFailure("it reads, or belongs to the feed")
        }
    }

    /// What hubs tell each other (``HubFeed``). A transaction that tells something is over within seconds, so what is
    /// older has all been there to be read.
    private var feed: String {
        switch self {
        case .latestChange:
            "SELECT coalesce(max(sequence), 0) FROM change WHERE made < clock_timestamp() - interval '20 s'"
        case .changes:
            """
            SELECT sequence, kind, subject FROM change
            WHERE sequence > $1::bigint AND hub <> $2::bytea ORDER BY sequence
            """
        case .beat:
            """
            INSERT INTO hub (key, url, beat, draining, beats)
            VALUES ($1::bytea, $2::text, clock_timestamp(), $3::bigint = 1, 1)
            ON CONFLICT (key) DO UPDATE SET
                url = excluded.url, beat = excluded.beat, draining = excluded.draining, beats = hub.beats + 1
            RETURNING beats
            """
        case .hubs:
            """
            SELECT url FROM hub
            WHERE key <> $1::bytea AND NOT draining AND beat > clock_timestamp() - interval '4 s'
            """
        case .incarnation: "SELECT incarnation FROM cluster"
        case .renew: "UPDATE cluster SET incarnation = $2::bigint WHERE incarnation = $1::bigint"
        case .forgetChanges: "DELETE FROM change WHERE made < clock_timestamp() - interval '5 min'"
        case .nodeCount, .pools, .registrations, .unseen, .revocations, .mailboxes, .headers, .mail, .networks,
            .entries, .boxes, .boxed, .register, .mark, .deregister, .deposit, .removeMail, .trimMail,
            .removeOldMail, .setLog, .addEntry, .revoke, .tell, .keepBoxes, .removeBoxes, .setSecret:
            preconditionFailure("it belongs to the store")
        }
    }
}
