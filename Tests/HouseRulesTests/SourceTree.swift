import Foundation

/// The checkout that these tests were compiled from.
enum SourceTree {
    /// The folder of `Package.swift`.
    static let root: URL = {
        var folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        for _ in 0..<3 {
            folder.deleteLastPathComponent()
        }
        return folder
    }()

    /// Every Swift file below `Sources`, in the order of their paths.
    static let sources: [SwiftFile] = swiftFiles(below: "Sources")

    /// Every Swift file below `Tests`, except those of these rules, which have to spell out what they forbid.
    static let tests: [SwiftFile] = swiftFiles(below: "Tests").filter { $0.target != "HouseRulesTests" }

    /// The paths of all files below `folder`, relative to ``root``.
    static func files(below folder: String) -> [String] {
        let base = root.appendingPathComponent(folder).path
        guard let walk = FileManager.default.enumerator(atPath: base) else { return [] }
        return walk.compactMap { $0 as? String }.map { folder + "/" + $0 }.sorted()
    }

    /// The text of the file at `path`, relative to ``root``, or nil when there is none.
    static func text(_ path: String) -> String? {
        try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    private static func swiftFiles(below folder: String) -> [SwiftFile] {
        files(below: folder).filter { $0.hasSuffix(".swift") }.compactMap { path in
            text(path).map { SwiftFile(path: path, text: $0) }
        }
    }
}

/// A Swift file: its text, and the same text with comments, literals and quoted names blanked out.
struct SwiftFile: Sendable {
    /// Relative to the checkout.
    let path: String
    /// As written, without line ends.
    let lines: [String]
    /// The lines again, blanked out where they are not code.
    let code: [String]
    let tokens: [SwiftToken]

    init(path: String, text: String) {
        self.path = path
        let masked = SwiftMask.codeOnly(Array(text.utf8))
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        code = String(decoding: masked, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        tokens = SwiftToken.scan(masked)
    }

    /// The folder below `Sources` or `Tests` that holds the file.
    var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

    /// `path:line`, as compilers print it; `line` counts from 1.
    func place(_ line: Int) -> String { "\(path):\(line)" }

    /// The places of the code lines in which `pattern` is found, each with what is wrong there.
    func places(matching pattern: String, _ fault: String) -> [String] {
        places(in: code, matching: pattern, fault)
    }

    /// The same over the lines as written, comments and literals included.
    func placesInText(matching pattern: String, _ fault: String) -> [String] {
        places(in: lines, matching: pattern, fault)
    }

    private func places(in lines: [String], matching pattern: String, _ fault: String) -> [String] {
        lines.enumerated().compactMap { number, line in
            line.range(of: pattern, options: .regularExpression) == nil ? nil : "\(place(number + 1)): \(fault)"
        }
    }
}
