import OverlayCrypto
package import PosternModel

/// What a person types, or keeps in a file, to open a key.
package struct Passphrase: Sendable {
    /// The UTF-8 bytes.
    let bytes: [UInt8]

    /// The shortest that may protect something, in bytes.
    private static let minimum = 8
    private static let maximum = 1_024

    /// The passphrase in `text`, without the line break at its end. Throws when it is too short or too long.
    package init(_ text: some Collection<UInt8>) throws(Problem) {
        var bytes = Array(text)
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard (Self.minimum...Self.maximum).contains(bytes.count) else {
            throw Problem(
                code: "passphrase-unusable",
                message: "a passphrase has \(Self.minimum) to \(Self.maximum) bytes, this one has \(bytes.count)",
                hint: "use several words"
            )
        }
        self.bytes = bytes
    }

    /// The passphrase in the file at `path`.
    package init(file path: String) throws(Problem) {
        var bytes: [UInt8]
        do throws(StateFileError) {
            bytes = try StateFile(reading: path).readAll(limit: Self.maximum + 3)
        } catch {
            throw Problem(
                code: "passphrase-unusable",
                message: "the file with the passphrase cannot be read: \(error)",
                hint: "name a file that holds it on one line"
            )
        }
        defer { SeedText.wipe(&bytes) }
        try self.init(bytes)
    }
}

extension Passphrase: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<redacted>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Where a passphrase comes from when a file needs one.
package protocol PassphraseSource {
    /// The passphrase of the file at `path`. Throws when there is none to be had.
    func passphrase(for path: String) throws(Problem) -> Passphrase
}

/// Nobody to ask: what is protected stays closed.
package struct NoPassphrase: PassphraseSource {
    package init() {}

    package func passphrase(for path: String) throws(Problem) -> Passphrase {
        throw Problem(
            code: "key-locked",
            message: "\(path) is protected by a passphrase, and nothing says which",
            hint: "name a file that holds it in the variable POSTERN_PASSPHRASE_FILE, or run the command on a terminal"
        )
    }
}
