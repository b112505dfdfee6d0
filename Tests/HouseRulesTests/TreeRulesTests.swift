import Foundation
import Testing

/// The shape of the checkout: what stands at the top, how it is formatted, what README promises.
@Suite struct TreeRulesTests {
    @Test func `the top of the tree is the six things a newcomer expects`() throws {
        let expected: Set<String> = ["Package.swift", "Sources", "Tests", "Fixtures", "Config", "README.md"]
        let allowed: Set<String> = ["LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE.txt", "Package.resolved"]
        let found = Set(try FileManager.default.contentsOfDirectory(atPath: SourceTree.root.path))
        let visible = found.filter { !$0.hasPrefix(".") }
        expectNone(visible.subtracting(expected).subtracting(allowed).sorted().map { "\($0) does not belong there" })
        expectNone(expected.subtracting(visible).sorted().map { "\($0) is missing" })
    }

    @Test(arguments: ["Sources", "Tests"])
    func `the formatter has nothing to say`(folder: String) throws {
        let text = try #require(SourceTree.text(".swift-format"), "the formatter's configuration is missing")
        let output = try Self.lint(folder, configuration: folder == "Tests" ? Self.relaxed(text) : text)
        expectNone(output.split(separator: "\n").map(String.init))
    }

    @Test func `the requirement table names tests that exist`() throws {
        let readme = try #require(SourceTree.text("README.md"), "README.md is missing")
        let tests = SourceTree.files(below: "Tests").filter { $0.hasSuffix(".swift") || $0.hasSuffix(".py") }
            .compactMap(SourceTree.text).joined(separator: "\n")
        expectNone(RequirementTable(readme).faults(tests: tests))
    }

    @Test func `a requirement row needs a test that exists or says that it is not there yet`() {
        let rows = (1...11).map { "| R\($0) | x | `a test` |" } + (1...4).map { "| S\($0) | x | not yet |" }
        let whole = (rows + ["| S5 | y | `test_b.py::test_it` |"]).joined(separator: "\n")
        #expect(RequirementTable(whole).faults(tests: "func `a test`()\ndef test_it():").isEmpty)
        #expect(
            RequirementTable(whole).faults(tests: "func `a test`()") == ["S5: there is no test `test_b.py::test_it`"]
        )
        let short = rows.dropFirst().joined(separator: "\n")
        #expect(RequirementTable(short).faults(tests: "func `a test`()") == ["R1: no row", "S5: no row"])
    }

    /// Tests may unwrap by force: a crash there is a failed test.
    private static func relaxed(_ configuration: String) -> String {
        ["NeverForceUnwrap", "NeverUseForceTry", "NeverUseImplicitlyUnwrappedOptionals"].reduce(configuration) {
            $0.replacingOccurrences(of: "\"\($1)\" : true", with: "\"\($1)\" : false")
        }
    }

    /// What `swift format lint` prints for `folder`; nothing when all is well.
    private static func lint(_ folder: String, configuration: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.currentDirectoryURL = SourceTree.root
        process.arguments =
            ["swift", "format", "lint", "--strict", "--parallel", "--recursive"]
            + ["--configuration", configuration, folder]
        let output = Pipe()
        process.standardError = output
        process.standardOutput = output
        try process.run()
        let printed = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus != 0, printed.isEmpty else { return printed }
        return "swift format exited \(process.terminationStatus)"
    }
}

/// README's table of requirements: a row for each id, whose last column names the tests in code spans.
struct RequirementTable {
    static let identifiers = (1...11).map { "R\($0)" } + (1...5).map { "S\($0)" }

    private var rows: [String: [String]] = [:]

    init(_ readme: String) {
        for line in readme.split(separator: "\n") where line.hasPrefix("|") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard let id = cells.first, Self.identifiers.contains(id), cells.count >= 3 else { continue }
            rows[id] = cells
        }
    }

    /// What is wrong with the table, given the text of all tests.
    func faults(tests: String) -> [String] {
        Self.identifiers.flatMap { id -> [String] in
            guard let cells = rows[id], let last = cells.last else { return ["\(id): no row"] }
            let names = last.split(separator: "`", omittingEmptySubsequences: false).enumerated()
                .filter { $0.offset % 2 == 1 }.map { String($0.element) }
            if names.isEmpty, !cells.joined(separator: " ").contains("not yet") {
                return ["\(id): no test named, and it does not say `not yet`"]
            }
            return names.filter { !Self.exists($0, in: tests) }.map { "\(id): there is no test `\($0)`" }
        }
    }

    private static func exists(_ name: String, in tests: String) -> Bool {
        let function = name.components(separatedBy: "::").last ?? name
        return tests.contains("func `\(function)`") || tests.contains("def \(function)(")
    }
}
