import Testing

/// What nobody calls is not there.
@Suite struct UnusedRulesTests {
    /// Asked for by protocols of the standard library.
    private static let answered: Set<String> = [
        "debugDescription", "customMirror", "hash", "encode", "description", "errorDescription",
    ]

    private static let kinds: Set<String> = [
        "func", "var", "let", "struct", "enum", "class", "protocol", "typealias", "actor",
    ]

    @Test func `every declaration that leaves its target has a caller in the product`() {
        var count: [String: Int] = [:]
        for file in SourceTree.sources { for token in file.tokens { count[token.text, default: 0] += 1 } }
        expectNone(
            SourceTree.sources.flatMap { file in
                Self.declarations(in: file).filter { (count[$0.name] ?? 0) <= 1 && !Self.answered.contains($0.name) }
                    .map { "\(file.place($0.line)): nobody uses \($0.name)" }
            }
        )
    }

    @Test func `declarations are found whatever stands before them`() {
        let file = SwiftFile(
            path: "Sources/X/Y.swift",
            text: """
                package struct A {
                    @inlinable package static func make() {}
                    package private(set) var count = 0
                    func inside() {}
                }
                """
        )
        #expect(Self.declarations(in: file).map(\.name) == ["A", "make", "count"])
    }

    private static func declarations(in file: SwiftFile) -> [(name: String, line: Int)] {
        file.code.enumerated().compactMap { number, line in
            let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init)
            guard let access = words.firstIndex(of: "package"), access <= 2 else { return nil }
            guard let kind = words[access...].firstIndex(where: kinds.contains), kind + 1 < words.count else {
                return nil
            }
            return (words[kind + 1], number + 1)
        }
    }
}
