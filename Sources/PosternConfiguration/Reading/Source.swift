import Foundation
import PosternModel
import Yams

/// A configuration file's text, parsed and validated.
struct Source {
    /// Larger files are not configurations.
    static let byteLimit = 1 << 20

    /// What the file says, defaults included.
    let document: DocumentValue
    /// The lines of the keys that were given.
    let lines: [String: Int]

    /// Reads `text` along the table `section`; `file` names it in messages.
    init(text: String, file: String, section: Section) throws(ConfigurationFailure) {
        let root = try Self.parse(text, file: file)
        var validator = Validator(file: file)
        let document = validator.read(root, as: section, path: "", parentLine: nil)
        guard let document, validator.problems.isEmpty else {
            let sorted = validator.problems.enumerated().sorted {
                ($0.element.location?.line ?? 0, $0.offset) < ($1.element.location?.line ?? 0, $1.offset)
            }
            throw ConfigurationFailure(problems: sorted.map(\.element))
        }
        self.document = document
        var lines: [String: Int] = [:]
        Self.collect(document, path: "", into: &lines)
        self.lines = lines
    }

    /// The text of the file at `path`.
    static func text(of path: String, surroundings: Surroundings) throws(ConfigurationFailure) -> String {
        func failure(_ read: String, hint: String? = nil) -> ConfigurationFailure {
            let expected = "a readable YAML file"
            let problem = Problem(
                file: path,
                line: nil,
                key: "",
                read: read,
                expected: expected,
                hint: hint
            )
            return ConfigurationFailure(problems: [problem])
        }
        let place = surroundings.absolute(path, from: surroundings.workingDirectory)
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: place, isDirectory: &isDirectory) else {
            throw failure("no such file", hint: "`postern init` makes one")
        }
        guard !isDirectory.boolValue else { throw failure("a directory", hint: "name the file in it") }
        let data: Data
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: place))
            data = try handle.read(upToCount: byteLimit + 1) ?? Data()
            try handle.close()
        } catch {
            throw failure("a file that cannot be opened", hint: "check its owner and mode")
        }
        guard data.count <= byteLimit else { throw failure("more than \(byteLimit) bytes") }
        // Some editors begin UTF-8 with a byte order mark (RFC 3629 §6).
        let bytes = data.starts(with: [0xef, 0xbb, 0xbf]) ? data.dropFirst(3) : data[...]
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let isUTF16 = data.starts(with: [0xff, 0xfe]) || data.starts(with: [0xfe, 0xff])
            let hint = isUTF16 ? "it is UTF-16: save it as UTF-8" : "save it as UTF-8"
            throw failure("bytes that are not UTF-8", hint: hint)
        }
        return text
    }

    /// The text behind a key at the top of a file that may be no YAML; nil when there is none.
    static func topLevelText(_ key: String, in text: String) -> String? {
        if let root = try? Yams.compose(yaml: text) { return root.mapping?[key]?.scalar?.string }
        let lines = TextLines(text)
        // One line is read by itself when the whole cannot be.
        let line = (0..<lines.count).map { lines[$0] }.first { $0.hasPrefix(key + ":") }
        return line.flatMap { (try? Yams.compose(yaml: $0))?.mapping?[key]?.scalar?.string }
    }

    /// Where relative paths in the file begin.
    static func directory(of path: String?, surroundings: Surroundings) -> String {
        guard let path else { return surroundings.workingDirectory }
        let place = surroundings.absolute(path, from: surroundings.workingDirectory)
        return URL(fileURLWithPath: place).deletingLastPathComponent().path
    }

    private static func parse(_ text: String, file: String) throws(ConfigurationFailure) -> Node? {
        do {
            return try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw ConfigurationFailure(problems: [problem(for: error, file: file)])
        } catch {
            let problem = Problem(file: file, line: nil, key: "", read: "\(error)", expected: "YAML")
            throw ConfigurationFailure(problems: [problem])
        }
    }

    private static func problem(for error: YamlError, file: String) -> Problem {
        func broken(_ problem: String, _ line: Int?) -> Problem {
            Problem(
                file: file,
                line: line,
                key: "",
                read: "invalid YAML (\(problem))",
                expected: "YAML",
                hint: "check indentation, quotes and brackets on this line and the one before"
            )
        }
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return broken(problem, mark.line)
        case .reader(let problem, let offset, _, let yaml):
            return broken(problem, offset.map { yaml.prefix($0).count { $0 == "\n" } + 1 })
        case .duplicatedKeysInMapping(let keys, let context):
            let name = keys.first ?? "a key"
            return Problem(
                file: file,
                line: secondLine(of: name, after: context.mark.line, in: context.text),
                key: name,
                read: "the key a second time (first on line \(context.mark.line))",
                expected: "each key only once"
            )
        case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
            return broken("\(error)", nil)
        }
    }

    /// The line after `line` that begins with the same key at the same depth, else `line` itself.
    private static func secondLine(of key: String, after line: Int, in text: String) -> Int {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.indices.contains(line - 1) else { return line }
        let depth = lines[line - 1].firstRange(of: key)?.lowerBound.utf16Offset(in: lines[line - 1])
        let later = lines.indices.dropFirst(line).first { position in
            guard let range = lines[position].firstRange(of: key) else { return false }
            let isKey = lines[position][range.upperBound...].drop { $0 == " " }.first == ":"
            return isKey && range.lowerBound.utf16Offset(in: lines[position]) == depth
        }
        return later.map { $0 + 1 } ?? line
    }

    private static func collect(_ value: DocumentValue, path: String, into lines: inout [String: Int]) {
        if let line = value.line, !path.isEmpty { lines[path] = line }
        switch value {
        case .section(let values, _):
            for (key, part) in values { collect(part, path: path.isEmpty ? key : "\(path).\(key)", into: &lines) }
        case .list(let elements, _):
            for (position, part) in elements.enumerated() { collect(part, path: "\(path)[\(position)]", into: &lines) }
        case .word, .text, .integer, .flag:
            break
        }
    }
}
