import Foundation
import OverlayCrypto
import OverlayWire
import PosternModel
import Testing

extension JSONValue {
    static func object(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
        var object = JSONObject()
        for (key, value) in members { object[key] = value }
        return .object(object)
    }
}

/// What `body` writes into a fresh writer of `capacity` bytes, and what it returns.
func written<Result>(
    capacity: Int = 1 << 16,
    _ body: (inout PacketWriter) throws -> Result
) throws -> (bytes: [UInt8], result: Result) {
    var outcome: Swift.Result<Result, any Error>?
    let bytes = PacketWriter.bytes(capacity: capacity) { writer in
        outcome = Swift.Result { try body(&writer) }
    }
    return (bytes, try #require(outcome).get())
}

/// Bytes that are no pattern, from `seed`.
func randomBytes(_ count: Int, seed: UInt8) -> [UInt8] {
    let source = RandomSource(seed: Array(repeating: seed, count: 32))
    return source.bytes(count)
}

/// The Python that has `noiseprotocol`, if the environment names one.
enum Python {
    static var path: String? {
        guard let path = ProcessInfo.processInfo.environment["POSTERN_TEST_PYTHON"], !path.isEmpty else { return nil }
        return path
    }

    static func process(_ script: URL, _ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(path))
        process.arguments = [script.path] + arguments
        return process
    }

    /// What `script` prints.
    static func run(_ script: URL, _ arguments: [String]) throws -> String {
        let process = try process(script, arguments)
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return String(decoding: data, as: UTF8.self)
    }
}
