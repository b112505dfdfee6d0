import OverlayCrypto
import PosternModel

/// The secret that a program shows to use the control API over loopback TCP: who can read it may. The file holds it as
/// one line, mode 0600.
package struct ControlToken: Sendable {
    private let bytes: [UInt8]

    /// The token `text`.
    package init(_ text: String) {
        bytes = Array(text.utf8)
    }

    /// The token in the file at `path`, made when there is none. One that others can read is replaced.
    init(path: String) throws(StateFileError) {
        if let status = SystemFile.status(of: path), status.permissions & 0o077 == 0 {
            let text = String(decoding: try StateFile(reading: path).readAll(limit: 256), as: UTF8.self)
            if text.hasSuffix("\n"), text.utf8.count == 65 {
                self.init(String(text.dropLast()))
                return
            }
        }
        let text = Hex.encode(SystemRandom.bytes(32))
        try StateFile.replace(path, with: Array((text + "\n").utf8), isDurable: true)
        self.init(text)
    }

    /// A token that nobody can guess, and its text.
    package static func random() -> (token: ControlToken, text: String) {
        let text = Hex.encode(SystemRandom.bytes(32))
        return (ControlToken(text), text)
    }

    /// Whether `text` is the token. Takes the same time for every wrong text of the same length.
    package func matches(_ text: some StringProtocol) -> Bool { constantTimeEquals(Array(text.utf8), bytes) }

    /// Whether an `Authorization` field shows the token (RFC 6750 §2.1). Takes the same time for every wrong token of
    /// the same length.
    package func admits(authorization: String?) -> Bool {
        let scheme = "bearer "
        guard let authorization, authorization.lowercased().hasPrefix(scheme) else { return false }
        return matches(authorization.dropFirst(scheme.count))
    }
}

extension ControlToken: CustomStringConvertible {
    package var description: String { "<redacted>" }
}
