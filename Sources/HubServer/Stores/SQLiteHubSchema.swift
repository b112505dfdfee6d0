/// The tables of ``SQLiteHubStore``: how each version of them is made out of the one before.
enum SQLiteHubSchema {
    static let versions = [
        ("1", first), ("2", second), ("3", third), ("4", fourth), ("5", fifth), ("6", sixth), ("7", seventh),
        ("8", eighth),
    ]

    /// Nodes tell how their keys change.
    private static let eighth = "ALTER TABLE node ADD COLUMN keys TEXT;"

    /// Content keys of networks lie beside the logs, a box for each reader. A number that each change of a log's state
    /// draws tells whether it is still the one that was read before.
    private static let seventh = """
        CREATE TABLE box (
            log BLOB NOT NULL, reader BLOB NOT NULL, key BLOB NOT NULL, box BLOB NOT NULL, PRIMARY KEY (log, reader)
        ) WITHOUT ROWID;
        ALTER TABLE log ADD COLUMN edition INTEGER NOT NULL DEFAULT 0;
        """

    /// Nodes have homes, which are keys of hubs one behind the other.
    private static let sixth = "ALTER TABLE node ADD COLUMN homes BLOB NOT NULL DEFAULT x'';"

    /// Logs of networks.
    private static let fifth = """
        CREATE TABLE log (id BLOB PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE entry (
            log BLOB NOT NULL, sequence INTEGER NOT NULL, hash BLOB NOT NULL, document TEXT NOT NULL,
            PRIMARY KEY (log, sequence)
        ) WITHOUT ROWID;
        CREATE UNIQUE INDEX entry_hash ON entry (log, hash);
        """

    /// Nodes leave marks; revocations are kept by keyed hashes. The rows of `revocation` are moved there, and their
    /// table goes (``SQLiteHubStore``).
    private static let fourth = """
        ALTER TABLE node ADD COLUMN mark TEXT;
        CREATE TABLE revoked (
            pair BLOB PRIMARY KEY, giver INTEGER NOT NULL, until INTEGER NOT NULL, signature BLOB NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX revoked_giver ON revoked (giver, until);
        """

    private static let first = """
        CREATE TABLE node (
            key BLOB PRIMARY KEY, name TEXT NOT NULL, registered INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE mail (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT, target BLOB NOT NULL, id TEXT NOT NULL,
            sealed BLOB NOT NULL, deposited INTEGER NOT NULL, UNIQUE (target, id)
        );
        CREATE INDEX mail_target ON mail (target, sequence);
        CREATE INDEX mail_deposited ON mail (deposited);
        CREATE TABLE revocation (
            giver BLOB NOT NULL, subject BLOB NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (giver, subject)
        ) WITHOUT ROWID;
        """

    /// Nodes have contact cards instead of names.
    private static let second = """
        ALTER TABLE node ADD COLUMN contacts TEXT NOT NULL DEFAULT '';
        ALTER TABLE node DROP COLUMN name;
        """

    /// Nodes were last seen now; mail has a class, and earlier mail counts as that of known senders. `tally` holds one
    /// row, `pool` and `network` one for each class and for each of its networks.
    private static let third = """
        ALTER TABLE node ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
        UPDATE node SET seen = CAST(strftime('%s', 'now') AS INTEGER) * 1000000000;
        CREATE INDEX node_seen ON node (seen);

        ALTER TABLE mail ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE mail ADD COLUMN sender INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE mail ADD COLUMN network INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE mail ADD COLUMN work INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE mail ADD COLUMN cost INTEGER NOT NULL DEFAULT 0;
        UPDATE mail SET cost = length(sealed) + 512;
        CREATE INDEX mail_network ON mail (kind, network, work, sequence);

        CREATE TABLE tally (nodes INTEGER NOT NULL);
        INSERT INTO tally SELECT count(*) FROM node;
        CREATE TRIGGER node_added AFTER INSERT ON node BEGIN UPDATE tally SET nodes = nodes + 1; END;
        CREATE TRIGGER node_removed AFTER DELETE ON node BEGIN UPDATE tally SET nodes = nodes - 1; END;

        CREATE TABLE pool (kind INTEGER PRIMARY KEY, cost INTEGER NOT NULL);
        INSERT INTO pool VALUES (0, 0), (1, 0), (2, 0);
        UPDATE pool SET cost = (SELECT coalesce(sum(cost), 0) FROM mail WHERE mail.kind = pool.kind);
        CREATE TABLE network (
            kind INTEGER NOT NULL, tag INTEGER NOT NULL, mails INTEGER NOT NULL, PRIMARY KEY (kind, tag)
        ) WITHOUT ROWID;
        INSERT INTO network SELECT kind, network, count(*) FROM mail GROUP BY kind, network;
        CREATE INDEX network_mails ON network (kind, mails DESC, tag);
        CREATE TRIGGER mail_added AFTER INSERT ON mail BEGIN
            UPDATE pool SET cost = cost + new.cost WHERE kind = new.kind;
            INSERT INTO network VALUES (new.kind, new.network, 1)
                ON CONFLICT (kind, tag) DO UPDATE SET mails = mails + 1;
        END;
        CREATE TRIGGER mail_removed AFTER DELETE ON mail BEGIN
            UPDATE pool SET cost = cost - old.cost WHERE kind = old.kind;
            UPDATE network SET mails = mails - 1 WHERE kind = old.kind AND tag = old.network;
            DELETE FROM network WHERE kind = old.kind AND tag = old.network AND mails = 0;
        END;
        """
}
