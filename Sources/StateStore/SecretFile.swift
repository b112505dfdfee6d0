import OverlayCrypto
package import PosternModel

/// A file with 32 random bytes in hexadecimal as one line, mode 0600, that programs have in common.
package enum SecretFile {
    private static let byteCount = 32

    /// The secret in the file at `path`, made now when there is none.
    package static func secret(at path: String) throws(Problem) -> [UInt8] {
        do throws(StateFileError) {
            guard SystemFile.status(of: path) != nil else {
                let secret = SystemRandom.bytes(byteCount)
                try StateFile.replace(path, with: Array((Hex.encode(secret) + "\n").utf8), isDurable: true)
                return secret
            }
            let text = String(decoding: try StateFile(reading: path).readAll(limit: 256), as: UTF8.self)
            let line = text.hasSuffix("\n") ? String(text.dropLast()) : text
            if let secret = Hex.decode(line), secret.count == byteCount { return secret }
        } catch {
            throw Problem(error)
        }
        throw Problem(
            code: "secret-unusable",
            message: "\(path) is not a secret of \(byteCount) bytes in hexadecimal",
            hint: "copy the file of another hub of the same database, or remove it if there is none"
        )
    }
}
