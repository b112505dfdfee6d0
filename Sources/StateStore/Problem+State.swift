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

    private static let unusableHint = "check the owner and the mode of the directory, and that the disk has room"
}
