import Foundation
import PosternModel
import TestSupport
import Testing

/// The canonical form against an implementation of RFC 8785 that is not ours.
@Suite struct CanonicalOracleTests {
    private static let python = ProcessInfo.processInfo.environment["POSTERN_TEST_PYTHON"] ?? ""
    /// Prints the canonical form of each line of JSON, as hexadecimal text.
    private static let oracle = """
        import json, rfc8785, sys
        for line in sys.stdin.buffer:
            number = lambda text: int(text) if abs(int(text)) < 2**53 else float(text)
            print(rfc8785.dumps(json.loads(line, parse_int=number)).hex())
        """

    @Test(.enabled(if: !python.isEmpty, "POSTERN_TEST_PYTHON names no Python with rfc8785"))
    func `random documents have the form that rfc8785 gives them`() throws {
        var generator = SplitMix(seed: 8_785)
        let documents = (0..<500).map { _ in Self.value(depth: 4, using: &generator) }
        let file = FileManager.default.temporaryDirectory.appending(path: "canonical-\(UUID().uuidString).jsonl")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(documents.flatMap { $0.compactBytes + [UInt8(ascii: "\n")] }).write(to: file)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.python)
        process.arguments = ["-c", Self.oracle]
        process.standardInput = try FileHandle(forReadingFrom: file)
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let forms = text.split(separator: "\n")
        try #require(forms.count == documents.count)
        for (document, form) in zip(documents, forms) {
            #expect(Hex.encode(document.canonicalBytes) == form, "\(document.compactText)")
        }
    }

    private static func value(depth: Int, using generator: inout SplitMix) -> JSONValue {
        switch Int.random(in: 0..<(depth == 0 ? 5 : 8), using: &generator) {
        case 0: return nil
        case 1: return .bool(Bool.random(using: &generator))
        case 2: return .integer(Int64.random(in: -(1 << 53) + 1...(1 << 53) - 1, using: &generator))
        case 3: return .double(number(using: &generator))
        case 4: return .string(text(using: &generator))
        case 5:
            let count = Int.random(in: 0..<4, using: &generator)
            return .array((0..<count).map { _ in value(depth: depth - 1, using: &generator) })
        case _:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0..<6, using: &generator) {
                object[text(using: &generator)] = value(depth: depth - 1, using: &generator)
            }
            return .object(object)
        }
    }

    /// Any finite double, or one whose text changes its form nearby.
    private static func number(using generator: inout SplitMix) -> Double {
        let edges: [Double] = [0.1, 1e-7, 1e-6, 1e21, 1e20, .leastNonzeroMagnitude, 1.5, 0.000_001]
        guard Bool.random(using: &generator) else { return edges.randomElement(using: &generator) ?? 0.1 }
        let any = Double(bitPattern: generator.next())
        return any.isFinite ? any : 0.5
    }

    private static func text(using generator: inout SplitMix) -> String {
        let scalars: [ClosedRange<UInt32>] = [0...0x22, 0x23...0x7f, 0x80...0x7ff, 0xe000...0xffff, 0x1f300...0x1f6ff]
        let count = Int.random(in: 0..<6, using: &generator)
        let text = (0..<count).compactMap { _ -> Unicode.Scalar? in
            let range = scalars.randomElement(using: &generator) ?? 0...0x22
            return Unicode.Scalar(UInt32.random(in: range, using: &generator))
        }
        return String(String.UnicodeScalarView(text))
    }
}
