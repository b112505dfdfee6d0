import PosternModel

/// The tables of ``PostgreSQLHubStore``, in a schema of their own: how each version of them is made out of the one
/// before. The first is version 1.
enum PostgreSQLHubSchema {
    static let versions = [tables + counts + functions, cluster, boxes, keys]

    /// Content keys of networks lie beside the logs, a box for each reader. A number that each change of a log's state
    /// draws tells whether it is still the one that was read before.
    private static let boxes = """
        CREATE TABLE box (
            log bytea NOT NULL, reader bytea NOT NULL, key bytea NOT NULL, box bytea NOT NULL,
            PRIMARY KEY (log, reader)
        );
        ALTER TABLE log ADD COLUMN edition bigint NOT NULL DEFAULT 0;

        """

    /// The number of the advisory lock that whoever changes the tables holds: "postern" as bytes.
    static let lock = 0x706f_7374_6572_6e

    /// What SQLite's tables have as well (``SQLiteHubSchema``).
    private static let tables = """
        CREATE TABLE node (
            key bytea PRIMARY KEY, contacts text NOT NULL, registered bigint NOT NULL, seen bigint NOT NULL, mark text
        );
        CREATE INDEX node_seen ON node (seen);
        CREATE TABLE mail (
            sequence bigserial PRIMARY KEY, target bytea NOT NULL, id text NOT NULL, sealed bytea NOT NULL,
            deposited bigint NOT NULL, kind smallint NOT NULL, sender bigint NOT NULL, network bigint NOT NULL,
            work smallint NOT NULL, cost integer NOT NULL, UNIQUE (target, id)
        );
        CREATE INDEX mail_target ON mail (target, sequence);
        CREATE INDEX mail_deposited ON mail (deposited);
        CREATE INDEX mail_network ON mail (kind, network, work, sequence);
        CREATE TABLE revoked (
            pair bytea PRIMARY KEY, giver bigint NOT NULL, until bigint NOT NULL, signature bytea NOT NULL
        );
        CREATE INDEX revoked_giver ON revoked (giver, until);
        CREATE TABLE log (id bytea PRIMARY KEY, state text NOT NULL);
        CREATE TABLE entry (
            log bytea NOT NULL, sequence bigint NOT NULL, hash bytea NOT NULL, document text NOT NULL,
            PRIMARY KEY (log, sequence), UNIQUE (log, hash)
        );
        CREATE TABLE cluster (one boolean PRIMARY KEY DEFAULT true CHECK (one), secret bytea);
        INSERT INTO cluster DEFAULT VALUES;

        """

    /// What would take too long to count each time. Each hub counts in rows of its own (`postern.slot`), so that two
    /// hubs need not wait for each other; what one adds another may take away again. They are small and change often,
    /// hence the room beside them.
    private static let counts = """
        CREATE TABLE tally (slot bigint PRIMARY KEY, nodes bigint NOT NULL) WITH (fillfactor = 10);
        CREATE TABLE pool (
            kind smallint NOT NULL, slot bigint NOT NULL, cost bigint NOT NULL, PRIMARY KEY (kind, slot)
        ) WITH (fillfactor = 10);
        CREATE TABLE network (
            kind smallint NOT NULL, tag bigint NOT NULL, mails bigint NOT NULL, PRIMARY KEY (kind, tag)
        );
        CREATE INDEX network_mails ON network (kind, mails DESC, tag);

        CREATE FUNCTION count_nodes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO tally VALUES (
                current_setting('postern.slot')::bigint, CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END
            ) ON CONFLICT (slot) DO UPDATE SET nodes = tally.nodes + excluded.nodes;
            RETURN NULL;
        END $$;
        CREATE TRIGGER node_counted AFTER INSERT OR DELETE ON node FOR EACH ROW EXECUTE FUNCTION count_nodes();

        CREATE FUNCTION add_mail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO pool VALUES (new.kind, current_setting('postern.slot')::bigint, new.cost)
                ON CONFLICT (kind, slot) DO UPDATE SET cost = pool.cost + excluded.cost;
            INSERT INTO network VALUES (new.kind, new.network, 1)
                ON CONFLICT (kind, tag) DO UPDATE SET mails = network.mails + 1;
            RETURN NULL;
        END $$;
        CREATE TRIGGER mail_added AFTER INSERT ON mail FOR EACH ROW EXECUTE FUNCTION add_mail();

        CREATE FUNCTION remove_mail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO pool VALUES (old.kind, current_setting('postern.slot')::bigint, -old.cost)
                ON CONFLICT (kind, slot) DO UPDATE SET cost = pool.cost + excluded.cost;
            UPDATE network SET mails = mails - 1 WHERE kind = old.kind AND tag = old.network;
            DELETE FROM network WHERE kind = old.kind AND tag = old.network AND mails = 0;
            RETURN NULL;
        END $$;
        CREATE TRIGGER mail_removed AFTER DELETE ON mail FOR EACH ROW EXECUTE FUNCTION remove_mail();

        """

    /// What hubs that share the tables tell each other: which of them serve, and what has changed. Nodes have homes,
    /// which are keys of hubs one behind the other. The incarnation changes when an older copy has been brought back.
    private static let cluster = """
        ALTER TABLE node ADD COLUMN homes bytea NOT NULL DEFAULT '';
        ALTER TABLE cluster ADD COLUMN incarnation bigint NOT NULL DEFAULT (random() * 1e15)::bigint;
        CREATE TABLE hub (
            key bytea PRIMARY KEY, url text NOT NULL, beat timestamptz NOT NULL, draining boolean NOT NULL,
            beats bigint NOT NULL
        ) WITH (fillfactor = 10);
        CREATE TABLE change (
            sequence bigserial PRIMARY KEY, hub bytea NOT NULL, kind smallint NOT NULL, subject bytea NOT NULL,
            made timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX change_made ON change (made);
        CREATE FUNCTION tell_hubs() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            NOTIFY postern_change;
            RETURN NULL;
        END $$;
        CREATE TRIGGER change_told AFTER INSERT ON change FOR EACH STATEMENT EXECUTE FUNCTION tell_hubs();

        """

    /// Nodes tell how their keys change.
    private static let keys = "ALTER TABLE node ADD COLUMN keys text;"

    private static let functions = """
        CREATE FUNCTION trim_mail(class bigint, bound bigint) RETURNS void LANGUAGE plpgsql AS $$
        DECLARE
            largest bigint;
        BEGIN
            WHILE (SELECT coalesce(sum(cost), 0) FROM pool WHERE kind = class) > bound LOOP
                SELECT tag INTO largest FROM network WHERE kind = class ORDER BY mails DESC, tag LIMIT 1;
                EXIT WHEN NOT FOUND;
                DELETE FROM mail WHERE sequence = (
                    SELECT sequence FROM mail WHERE kind = class AND network = largest ORDER BY work, sequence LIMIT 1
                );
                EXIT WHEN NOT FOUND;
            END LOOP;
        END $$;

        CREATE FUNCTION add_revocation(
            new_pair bytea, new_giver bigint, new_until bigint, new_signature bytea, bound bigint
        ) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO revoked VALUES (new_pair, new_giver, new_until, new_signature)
                ON CONFLICT (pair) DO UPDATE SET until = excluded.until, signature = excluded.signature
                WHERE excluded.until > revoked.until;
            IF (SELECT count(*) FROM revoked WHERE giver = new_giver) > bound THEN
                DELETE FROM revoked WHERE pair = (
                    SELECT pair FROM revoked WHERE giver = new_giver ORDER BY until LIMIT 1
                );
            END IF;
        END $$;

        """
}

extension PostgreSQLHubSchema {
    /// Our own SQLSTATE for tables of a newer version of the program.
    private static let newerState = "PT001"

    /// Makes the tables, or brings them up to date, and sets what the hub's connection needs. Hubs that start together
    /// wait for each other.
    static func prepare(_ connection: PostgresConnection, of hub: NodeKey) throws(PostgresError) {
        let slot = lock(of: hub)
        for setting in [
            "search_path = postern", "postern.slot = '\(slot)'", "jit = off", "statement_timeout = '10s'",
            "idle_in_transaction_session_timeout = '10s'", "client_min_messages = 'warning'",
        ] {
            _ = try connection.run("SET \(setting)")
        }
        let found = try connection.run("SELECT 1 FROM pg_namespace WHERE nspname = 'postern'")
        let isCurrent = found.isEmpty ? false : try version(on: connection) == versions.count
        if !isCurrent { try migrate(connection) }
        try connection.prepareStatements()
    }

    /// A number that stands for `hub` where PostgreSQL wants one.
    static func lock(of hub: NodeKey) -> Int64 { hub.bytes.prefix(8).reduce(0) { $0 << 8 | Int64($1) } }

    private static func version(on connection: PostgresConnection) throws(PostgresError) -> Int {
        let tables = try connection.run("SELECT 1 WHERE to_regclass('postern.version') IS NOT NULL")
        guard !tables.isEmpty else { return 0 }
        return Int(try connection.run("SELECT number FROM version").first?.integer(0) ?? 0)
    }

    private static func migrate(_ connection: PostgresConnection) throws(PostgresError) {
        _ = try connection.run("BEGIN")
        do throws(PostgresError) {
            _ = try connection.run("SELECT pg_advisory_xact_lock(\(lock))")
            if try connection.run("SELECT 1 FROM pg_namespace WHERE nspname = 'postern'").isEmpty {
                _ = try connection.run("CREATE SCHEMA postern")
            }
            let found = try version(on: connection)
            guard found <= versions.count else {
                throw PostgresError(state: newerState, description: "\(found)")
            }
            if found == 0 { _ = try connection.run("CREATE TABLE version (number integer NOT NULL)") }
            for sql in versions[found...] { _ = try connection.run("DO $make$ BEGIN \(sql) END $make$") }
            _ = try connection.run("DELETE FROM version")
            _ = try connection.run("INSERT INTO version VALUES (\(versions.count))")
            _ = try connection.run("COMMIT")
        } catch {
            if !error.isLost { _ = try? connection.run("ROLLBACK") }
            throw error
        }
    }

    /// The version of the tables, if that is what `error` tells of.
    static func newerVersion(in error: PostgresError) -> Int? {
        error.state == newerState ? Int(error.description) : nil
    }
}
