/// Why a JSON document is not the signed record that it should be.
package enum RecordError: Error, Hashable, Sendable {
    /// The text is no JSON, or not an object.
    case malformed
    /// The record is of another type, or of a version that we do not know.
    case wrongType
    /// A member is missing.
    case missing(String)
    /// A member has a value that it cannot have.
    case invalid(String)
    /// A number is not one that every reader reads alike: a whole number that a double holds exactly, without an
    /// exponent or a fraction.
    case ambiguousNumber
    /// The signature is not the signer's.
    case badSignature
    /// The box was not sealed to us, or is damaged.
    case notForUs
    /// The record is larger than its kind may be.
    case tooLarge
}

extension RecordError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed: "the record is not a JSON object"
        case .wrongType: "the record is of another type or version"
        case .missing(let member): "the record has no member \"\(member)\""
        case .invalid(let member): "the record's member \"\(member)\" has an invalid value"
        case .ambiguousNumber: "the record has a number that is not a plain whole one"
        case .badSignature: "the record's signature does not verify"
        case .notForUs: "the sealed record cannot be opened with this key"
        case .tooLarge: "the record is too large"
        }
    }
}
