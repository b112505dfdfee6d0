import PosternModel

/// Arbitrary bytes as JSON: what is read means the same when it is written and read again.
enum JSONText {
    static func receive(_ bytes: [UInt8]) {
        guard let value = try? JSONValue(parsing: bytes) else { return }
        let canonical = value.canonicalBytes
        guard let again = try? JSONValue(parsing: canonical) else {
            preconditionFailure("what we write can be read")
        }
        precondition(again.canonicalBytes == canonical, "the canonical form has one spelling")
        guard let compact = try? JSONValue(parsing: value.compactBytes) else {
            preconditionFailure("what we write can be read")
        }
        precondition(compact.canonicalBytes == canonical, "both forms mean the same")
    }
}
