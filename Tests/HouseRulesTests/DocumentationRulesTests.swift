import Foundation
import Testing

/// What other targets can use is documented where it is declared.
@Suite struct DocumentationRulesTests {
    @Test func `every declaration that leaves its target is documented`() {
        let required = SourceTree.sources.reduce(into: Set<String>()) {
            $0.formUnion(DocumentationCheck.requirements(of: $1))
        }
        expectNone(SourceTree.sources.flatMap { DocumentationCheck($0, documentedElsewhere: required).faults })
    }

    @Test func `a comment above the attributes documents, a plain initializer needs none`() {
        let file = SwiftFile(
            path: "Sources/X/Y.swift",
            text: """
                /// Documented.
                @safe
                package struct A {
                    package let first: Int
                    package let second: Int

                    package let alone: Int
                    package init(first: Int, second: Int) {
                        self.first = first
                        self.second = second
                    }
                    package init(odd: Int) {
                        first = odd * 2
                    }
                    package static func < (a: A, b: A) -> Bool { true }
                    package func run() {}
                    /// Documented.
                    package func add(_ a: Int) {}
                    package func add(_ a: String) {}
                }
                package struct B {}
                """
        )
        let lines = DocumentationCheck(file).faults.map { $0.split(separator: ":")[1] }
        #expect(lines == ["7", "12", "16", "21"])
    }
}

/// Finds the `package` and `public` declarations of a file that no comment explains.
///
/// A row of stored properties shares the comment above its first, or that of the type when it opens the type; overloads
/// share the comment of the first; what a protocol asks for is explained there; an initializer that only stores its
/// parameters, operators and `defaults` need none.
struct DocumentationCheck {
    private static let modifiers =
        #"((static|mutating|consuming|borrowing|final|nonisolated|lazy|weak|override|indirect|required|convenience"#
        + #"|unowned|prefix)(\([a-z]+\))?\s+|@\w+\s+)*"#
    private static let declaration =
        #"^\s*(@\w+(\([^)]*\))?\s+)*(package|public)(\(set\))?\s+((private|fileprivate)\(set\)\s+)?"# + modifiers
        + #"(func|var|let|init|struct|enum|class|protocol|actor|typealias|subscript)\b"#
    private static let stored = #"\b(let|var)\s+\w+[^{]*$"#
    private static let type = #"\b(struct|enum|class|actor|protocol)\s+\w+.*\{\s*$"#
    private static let obvious =
        #"\bstatic\s+func\s+[^\w`\s]|\bfunc\s+(hash|encode|makeIterator|next)\b|\binit\((from decoder|\w+Literal)"#
        + #"|\bvar\s+(description|debugDescription|hashValue|id|errorDescription|rawValue|customMirror)\b|\blet\s+defaults\b"#

    private let file: SwiftFile
    private let functions: [Int: SwiftFunction]
    private let documentedElsewhere: Set<String>

    /// `documentedElsewhere` names what protocols ask for.
    init(_ file: SwiftFile, documentedElsewhere: Set<String> = []) {
        self.file = file
        self.documentedElsewhere = documentedElsewhere
        functions = Dictionary(
            SwiftFunction.all(in: file.tokens).map { ($0.lines.lowerBound, $0) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// The names of the functions, properties, types and initializers that the protocols of `file` ask for.
    static func requirements(of file: SwiftFile) -> Set<String> {
        var names: Set<String> = []
        var depth: Int?
        var braces = 0
        for (position, token) in file.tokens.enumerated() {
            switch token.text {
            case "protocol" where depth == nil:
                depth = braces
            case "func", "var", "associatedtype":
                if depth != nil, position + 1 < file.tokens.count { names.insert(file.tokens[position + 1].text) }
            case "init":
                if depth != nil, position + 2 < file.tokens.count {
                    names.insert("init " + file.tokens[position + 2].text)
                }
            case "{":
                braces += 1
            case "}":
                braces -= 1
                if braces == depth { depth = nil }
            case _:
                break
            }
        }
        return names
    }

    /// Each undocumented declaration with its place.
    var faults: [String] {
        file.code.indices.compactMap { number in
            guard found(Self.declaration, in: number), !found(Self.obvious, in: number) else { return nil }
            guard !isDocumented(number), !sharesComment(number), !isMemberwise(number) else { return nil }
            guard !isRequired(number) else { return nil }
            return "\(file.place(number + 1)): \(file.lines[number].drop { $0 == " " })"
        }
    }

    private func found(_ pattern: String, in number: Int) -> Bool {
        file.code[number].range(of: pattern, options: .regularExpression) != nil
    }

    /// Whether the nearest line above, other than attributes, is a documentation comment.
    private func isDocumented(_ number: Int) -> Bool {
        for above in stride(from: number - 1, through: 0, by: -1) {
            let line = file.lines[above].drop { $0 == " " }
            if line.hasPrefix("///") { return true }
            if !line.hasPrefix("@"), !line.hasPrefix("#if") { return false }
        }
        return false
    }

    private func isRequired(_ number: Int) -> Bool {
        let words = file.code[number].split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init)
        if let keyword = words.firstIndex(of: "init"), keyword + 1 < words.count {
            return documentedElsewhere.contains("init " + words[keyword + 1])
        }
        let keywords: Set<String> = ["func", "var", "let", "typealias"]
        guard let keyword = words.firstIndex(where: keywords.contains) else { return false }
        return keyword + 1 < words.count && documentedElsewhere.contains(words[keyword + 1])
    }

    private func sharesComment(_ number: Int) -> Bool {
        if found(Self.stored, in: number), number > 0 {
            let above = number - 1
            if found(Self.type, in: above) { return true }
            return found(Self.stored, in: above) && (isDocumented(above) || sharesComment(above))
        }
        guard let name = functions[number + 1]?.name, name.hasPrefix("func ") else { return false }
        return functions.contains { line, other in
            line <= number && other.name == name && isDocumented(line - 1)
        }
    }

    /// Whether the declaration is an initializer that stores its parameters and does nothing else.
    private func isMemberwise(_ number: Int) -> Bool {
        guard let function = functions[number + 1], function.name.hasPrefix("init") else { return false }
        let words = file.tokens[function.body].map(\.text)
        return stride(from: 0, to: words.count, by: 5).allSatisfy { start in
            guard words.count - start >= 5 else { return false }
            let (receiver, dot, property) = (words[start], words[start + 1], words[start + 2])
            return receiver == "self" && dot == "." && words[start + 3] == "=" && property == words[start + 4]
        }
    }
}
