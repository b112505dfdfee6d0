/// Why a state directory or a file in it cannot be used. The sentences are for the operator.
package struct StateError: Error, Hashable, Sendable {
    /// For programs; never changes its meaning.
    package let code: String
    /// What happened, with the path.
    package let message: String
    /// What to do.
    package let hint: String

    package init(code: String, message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}

extension StateError {
    /// `operation` on `path` failed with the system's error number `code`.
    static func system(_ operation: String, _ path: String, errno code: CInt) -> StateError {
        StateError(
            code: "state-unusable",
            message: "\(path) cannot be \(operation): \(SystemFile.message(code))",
            hint: unusableHint
        )
    }

    /// What became of a file in the directory.
    init(_ error: StateFileError) {
        self.init(code: "state-unusable", message: error.description, hint: Self.unusableHint)
    }

    private static let unusableHint = "check the owner and the mode of the directory, and that the disk has room"
}
