package import PosternModel

/// Every mistake in a configuration, in the order of its lines. Never empty.
package struct ConfigurationFailure: Error, Hashable, Sendable {
    /// The mistakes.
    package let problems: [Problem]

    package init(problems: [Problem]) {
        self.problems = problems
    }
}

extension ConfigurationFailure: CustomStringConvertible {
    /// `FILE:LINE: key: what was read, what was expected; hint`, a line for each mistake.
    package var description: String { problems.map(\.line).joined(separator: "\n") }
}

extension Problem {
    /// A mistake in a configuration file, in the words that an operator reads.
    ///
    /// - Parameters:
    ///   - read: what stands there.
    ///   - expected: what may stand there.
    ///   - hint: what to do, when more can be said than `expected` says.
    init(file: String, line: Int?, key: String, read: String, expected: String, hint: String? = nil) {
        self.init(
            code: "configuration",
            message: "\(read), expected \(expected)",
            hint: hint,
            at: Location(file: file, line: line, key: key)
        )
    }

    /// The whole mistake in one line.
    package var line: String { description + (hint.map { "; \($0)" } ?? "") }
}
