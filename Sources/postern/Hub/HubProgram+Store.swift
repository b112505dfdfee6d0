import HubServer
import OverlayCrypto
import PosternConfiguration
import PosternModel
import StateStore

extension HubProgram {
    /// Opens the store, and begins the audit trail of a hub that has none, having never run before.
    func openStore(_ state: StateDirectory, of identity: NodeIdentity) throws(CommandFailure) -> HubRegistry {
        let database = state.path + "/hub.sqlite"
        do throws(StateFileError) {
            let isNew = SystemFile.size(of: database) == nil && SystemFile.size(of: state.auditPath) == nil
            if isNew { try AuditFile.begin(path: state.auditPath, by: identity) }
        } catch {
            throw CommandFailure(state: Problem(error))
        }
        if let settings = file.settings.database { return try openPostgreSQL(settings, state, of: identity) }
        do {
            return try HubRegistry(sqlite: database, of: identity)
        } catch {
            throw CommandFailure(
                .failed,
                code: "state-unusable",
                message: "the database \(database) cannot be opened: \(error)",
                hint: "see the owner and the mode of the file; a copy of the state directory brings back an older state"
            )
        }
    }

    private func openPostgreSQL(
        _ settings: HubDatabaseConfiguration,
        _ state: StateDirectory,
        of identity: NodeIdentity
    ) throws(CommandFailure) -> HubRegistry {
        guard let place = PostgresPlace(settings.url, mayBePlain: settings.isInsecure) else {
            throw CommandFailure(
                .wrongUsage,
                code: "database",
                message: "libpq does not understand the URL of the database, or is not installed",
                hint: "write it as postgresql://USER@HOST/NAME; the library is in the package libpq5"
            )
        }
        if isDatabaseGiven, place.hasPassword {
            throw CommandFailure(
                .wrongUsage,
                code: "database",
                message: "--database holds a password, which every user of this machine can see",
                hint: "put it into ~/.pgpass, into PGPASSWORD, or the URL into `database:` of hub.yaml"
            )
        }
        let secretPath = settings.secret ?? state.path + "/cluster.secret"
        let secret: [UInt8]
        do throws(Problem) {
            secret = try SecretFile.secret(at: secretPath)
        } catch {
            throw CommandFailure(state: error)
        }
        do throws(HubDatabaseFailure) {
            return try HubRegistry(place, secret: secret, of: identity)
        } catch {
            throw Self.failure(error, at: place, secretPath: secretPath)
        }
    }

    private static func failure(
        _ failure: HubDatabaseFailure,
        at place: PostgresPlace,
        secretPath: String
    ) -> CommandFailure {
        switch failure {
        case .unusable(let reason):
            CommandFailure(
                .failed,
                code: "database",
                message: "the database \(place) cannot be used: \(reason)",
                hint: "see whether `psql` of the same user reaches it; the hub makes its tables in a schema `postern`"
            )
        case .newer(let version):
            CommandFailure(
                .failed,
                code: "database-newer",
                message: "the tables in \(place) have version \(version), made by a newer postern than this one",
                hint: "run that version here too; hubs of one database are brought up to date one after another"
            )
        case .secret:
            CommandFailure(
                .failed,
                code: "database-secret",
                message: "the hubs of \(place) share another secret than the one in \(secretPath)",
                hint: "copy cluster.secret from the state directory of one of them to \(secretPath)"
            )
        case .keyTaken:
            CommandFailure(
                .failed,
                code: "key-in-use",
                message: "another hub with this key runs on \(place)",
                hint: "stop it first; each hub needs a state directory of its own, which makes it a key"
            )
        }
    }
}
