/// Something that went wrong, as people and programs are told: what happened, what to do, and where.
package struct Problem: Error, Hashable, Sendable {
    /// A place in a file.
    package struct Location: Hashable, Sendable {
        /// The file as it was named.
        package let file: String
        /// Counted from 1; nil when it is not about a line, such as a file that cannot be read.
        package let line: Int?
        /// The key's path, as in `expose[0].port`; empty when the whole file is meant.
        package let key: String

        package init(file: String, line: Int? = nil, key: String = "") {
            self.file = file
            self.line = line
            self.key = key
        }
    }

    /// For programs; never changes its meaning.
    package let code: String
    /// One line: what happened.
    package let message: String
    /// One line: what to do. Nil only where the message says all there is to say.
    package let hint: String?
    /// Where, when it is about a file.
    package let location: Location?

    package init(code: String, message: String, hint: String?, at location: Location? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.location = location
    }
}

extension Problem: CustomStringConvertible {
    /// `FILE:LINE: KEY: MESSAGE`, or the message alone.
    package var description: String {
        guard let location else { return message }
        let line = location.line.map { ":\($0)" } ?? ""
        return "\(location.file)\(line): " + (location.key.isEmpty ? "" : "\(location.key): ") + message
    }
}

extension Problem {
    /// The document of INTERFACE for any failure.
    package var document: JSONValue {
        ["error": ["code": .string(code), "message": .string(description), "hint": hint.map { .string($0) } ?? .null]]
    }

    /// The problem in an error `document`; nil when it is none.
    package init?(document: JSONValue) {
        guard let error = document["error"], let code = error["code"]?.string else { return nil }
        self.init(
            code: code,
            message: error["message"]?.string ?? code,
            hint: error["hint"]?.string ?? "see the sidecar's log"
        )
    }
}
