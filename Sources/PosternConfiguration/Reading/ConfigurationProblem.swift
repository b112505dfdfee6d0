/// One mistake in a configuration, in the words an operator reads: where, what was read, what was expected.
package struct ConfigurationProblem: Error, Hashable, Sendable {
    /// The file as it was named.
    package var file: String
    /// Counted from 1; nil when the mistake is not on a line, such as a file that cannot be read.
    package var line: Int?
    /// The key's path, as in `expose[0].port`; empty when the whole file is meant.
    package var key: String
    /// What stands there.
    package var read: String
    /// What may stand there.
    package var expected: String
    /// What to do, when more can be said than `expected` says.
    package var hint: String?

    package init(file: String, line: Int?, key: String, read: String, expected: String, hint: String? = nil) {
        self.file = file
        self.line = line
        self.key = key
        self.read = read
        self.expected = expected
        self.hint = hint
    }
}

extension ConfigurationProblem: CustomStringConvertible {
    /// `FILE:LINE: key: what was read, what was expected, hint` in one line.
    package var description: String {
        let place = line.map { "\(file):\($0)" } ?? file
        let subject = key.isEmpty ? "" : "\(key): "
        return "\(place): \(subject)\(statement)" + (hint.map { "; \($0)" } ?? "")
    }

    /// What was read and what was expected, without the place.
    package var statement: String { "\(read), expected \(expected)" }
}

/// Every mistake in a configuration, in the order of its lines. Never empty.
package struct ConfigurationFailure: Error, Hashable, Sendable {
    /// The mistakes.
    package let problems: [ConfigurationProblem]

    package init(problems: [ConfigurationProblem]) {
        self.problems = problems
    }
}

extension ConfigurationFailure: CustomStringConvertible {
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
