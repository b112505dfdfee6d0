import Foundation
import Testing

/// Limits of size and the constructs that do not belong into `Sources`.
@Suite struct ShapeRulesTests {
    private static let cores: Set<String> = [
        "PosternModel", "OverlayWire", "OverlayCrypto", "OverlayCore", "TrustCore", "HubProtocol", "SidecarCore",
        "HubCore", "GatewayCore",
        "Simulation",
    ]

    @Test func `a file has at most 400 lines`() {
        expectNone(
            SourceTree.sources.compactMap { file in
                let count = file.lines.last == "" ? file.lines.count - 1 : file.lines.count
                return count > 400 ? "\(file.path): \(count) lines" : nil
            }
        )
    }

    @Test func `a function has at most 60 lines`() {
        expectNone(
            SourceTree.sources.flatMap { file in
                SwiftFunction.all(in: file.tokens).filter { $0.lines.count > 60 }.map {
                    "\(file.place($0.lines.lowerBound)): \($0.name) has \($0.lines.count) lines"
                }
            }
        )
    }

    @Test func `a line has at most 120 columns`() {
        expectNone(
            (SourceTree.sources + SourceTree.tests).flatMap { file in
                file.lines.enumerated().filter { $0.element.count > 120 }.map {
                    "\(file.place($0.offset + 1)): \($0.element.count) columns"
                }
            }
        )
    }

    @Test(arguments: [
        (#"\btry!"#, "a forced try hides an error"),
        (#"\bas!"#, "a forced cast hides an error"),
        (#"\bfatalError\("#, "say with preconditionFailure why it is impossible"),
        (#"\bstatic\s+var\s+\w+\s*(:[^={]*)?=[^=]"#, "state belongs to somebody: no static var"),
        (
            #"\b(struct|class|enum|actor|protocol|typealias)\s+\w*(Manager|Helper|Helpers|Util|Utils|Impl)\b"#,
            "says nothing"
        ),
        (#"\b(import|class)\s+XCTest"#, "Swift Testing only"),
    ])
    func `banned constructs are absent`(pattern: String, fault: String) {
        expectNone(SourceTree.sources.flatMap { $0.places(matching: pattern, fault) })
    }

    @Test func `a core lists every case and has no default`() {
        let cores = SourceTree.sources.filter { Self.cores.contains($0.target) }
        expectNone(cores.flatMap { $0.places(matching: #"^\s*(@unknown\s+)?default\s*:"#, "list the cases") })
    }

    @Test func `a core neither awaits nor reads a clock`() {
        let cores = SourceTree.sources.filter { Self.cores.contains($0.target) }
        let pattern =
            #"\basync\b|\bawait\b|\bTask\s*[{(]|ContinuousClock|SuspendingClock|SystemRandomNumberGenerator|\bprint\("#
        expectNone(cores.flatMap { $0.places(matching: pattern, "time, randomness and effects belong to the shells") })
    }

    @Test func `on the packet path raw memory is touched in the few files that state the bound`() {
        let owners: Set<String> = [
            "Sources/OverlayWire/PacketWriter.swift", "Sources/OverlayWire/RawSpan+Load.swift",
            "Sources/OverlayCore/Memory/BlockPool.swift",
        ]
        let files = SourceTree.sources.filter {
            ["OverlayWire", "OverlayCore"].contains($0.target) && !owners.contains($0.path)
        }
        let pattern = #"Unsafe\w*Pointer|withUnsafe|unsafeLoad|unsafeBitCast|\.allocate\(|deallocate\(|Unmanaged"#
        expectNone(files.flatMap { $0.places(matching: pattern, "ask the writer, the span or the pool") })
    }

    @Test func `nothing is left for later`() {
        let pattern = #"\b(TODO|FIXME|XXX|HACK)\b"#
        expectNone((SourceTree.sources + SourceTree.tests).flatMap { $0.placesInText(matching: pattern, "finish it") })
    }

    @Test func `unchecked sendability names the lock or the loop that makes it true`() {
        expectNone(
            SourceTree.sources.flatMap { file in
                file.code.indices.filter { file.code[$0].contains("@unchecked Sendable") }.compactMap { number in
                    let near = file.lines[max(0, number - 6)...number].joined(separator: " ")
                    let reason = near.range(
                        of: #"//.*\b(lock|loop|mutex|immutable|never change|confined|only user)"#,
                        options: [.regularExpression, .caseInsensitive]
                    )
                    return reason == nil ? "\(file.place(number + 1)): say what makes it safe" : nil
                }
            }
        )
    }
}
