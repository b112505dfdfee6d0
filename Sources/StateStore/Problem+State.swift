package import PosternModel

extension Problem {
    /// `operation` on `path` failed with the system's error number `code`.
    static func system(_ operation: String, _ path: String, errno code: CInt) -> Problem {
        Problem(
            code: "state-unusable",
            message: "\(path) cannot be \(operation): \(SystemFile.message(code))",
            hint: unusableHint
        )
    }

    /// What became of a file in the state directory.
    package init(_ error: StateFileError) {
        self.init(code: "state-unusable", message: error.description, hint: Self.unusableHint)
    }

    /// Why the audit trail of a state directory cannot be gone on with.
    package init(_ error: AuditError) {
        switch error {
        case .unusable(let failure):
            self.init(failure)
        case .broken(let fault, let path):
            let hint = "compare it with a copy; to go on, record what was found: postern audit restart"
            self.init(
                code: "audit-broken",
                message: "the audit trail \(path) is broken: \(fault)",
                hint: hint + Self.naming(directoryOf: path)
            )
        }
    }

    /// Why the trust journal of a state directory cannot be gone on with.
    package init(_ error: JournalOpenError) {
        switch error {
        case .unusable(let failure):
            self.init(failure)
        case .broken(let fault, let path):
            self.init(
                code: "journal-broken",
                message: "the trust journal \(path) is broken: \(fault)",
                hint: "bring back its latest copy, or go on with what is left: postern trust recover"
                    + Self.naming(directoryOf: path)
            )
        }
    }

    /// The option that names the state directory in which `path` is.
    private static func naming(directoryOf path: String) -> String {
        let directory = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        return " --state '\(directory)'"
    }

    private static let unusableHint = "check the owner and the mode of the directory, and that the disk has room"
}
