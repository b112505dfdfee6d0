import Testing

/// The rules are only as good as the scanner under them.
@Suite struct ScannerTests {
    @Test(arguments: [
        ("a // b", "a     "),
        ("a /* b /* c */ d */ e", "a                   e"),
        ("x = \"a // b\" + y", "x =          + y"),
        ("x = \"\\\"}\" }", "x =       }"),
        ("x = \"\\(f(\")\"))}\" }", "x =              }"),
        ("x = #\"\"}\\\"# }", "x =         }"),
        ("x = \"\"\"\n{ \"q\" }\n\"\"\" }", "x =    \n       \n    }"),
        ("func `a { b`() {}", "func `     `() {}"),
    ])
    func `only code is left of a text`(text: String, expected: String) {
        let masked = String(decoding: SwiftMask.codeOnly(Array(text.utf8)), as: UTF8.self)
        #expect(masked == expected)
        #expect(masked.utf8.count == text.utf8.count)
    }

    @Test func `a function spans from its keyword to its closing brace`() {
        let file = SwiftFile(
            path: "Sources/X/Y.swift",
            text: """
                protocol P {
                    func required(_ body: () -> Void) -> Int
                    var stored: Int { get }
                }
                struct S {
                    var plain: Int
                    var computed: Int {
                        1
                    }
                    init(a: Int = { 3 }()) where Int: Equatable {
                        self.init()
                    }
                    func `with { brace`<T>(
                        _ value: T
                    ) -> T where T: Sendable {
                        func nested() {}
                        return value  // }
                    }
                }
                """
        )
        let found = SwiftFunction.all(in: file.tokens)
        #expect(found.map(\.lines) == [3...3, 7...9, 10...12, 13...18, 16...16])
    }

    @Test func `a place names file and line`() {
        let file = SwiftFile(path: "Sources/X/Y.swift", text: "let a = 1\nlet b = try! f()\n// try! in words\n")
        #expect(file.places(matching: #"\btry!"#, "no") == ["Sources/X/Y.swift:2: no"])
        #expect(file.target == "X")
    }
}
