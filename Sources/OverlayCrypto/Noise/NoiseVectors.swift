import PosternModel

/// Runs published Noise test vectors, in the JSON format that cacophony and snow share, against ``NoiseHandshake``.
package enum NoiseVectors {
    /// The most descriptions of failures in one result.
    package static let maximumFailures = 100

    /// Runs every vector in `json`. Vectors of protocols with an algorithm or pattern that this target lacks are
    /// skipped; a text that is no such JSON counts as one failure.
    package static func run(json text: String) -> (passed: Int, failed: Int, skipped: Int, failures: [String]) {
        var result: (passed: Int, failed: Int, skipped: Int, failures: [String]) = (0, 0, 0, [])
        let vectors: [JSONValue]
        do {
            let document = try JSONValue(parsing: text, limits: JSONLimits(depth: 16, byteCount: 256 << 20))
            guard let found = document["vectors"]?.array ?? document.array else {
                return (0, 1, 0, ["the document has no list of vectors"])
            }
            vectors = found
        } catch {
            return (0, 1, 0, ["not JSON: \(error)"])
        }
        for (position, json) in vectors.enumerated() {
            switch outcome(of: json) {
            case .passed: result.passed += 1
            case .skipped: result.skipped += 1
            case .failed(let name, let reason):
                result.failed += 1
                guard result.failures.count < maximumFailures else { continue }
                result.failures.append("vector \(position) (\(name)): \(reason)")
            }
        }
        return result
    }

    private enum Outcome {
        case passed
        case skipped
        case failed(name: String, reason: String)
    }

    private static func outcome(of json: JSONValue) -> Outcome {
        let name = json["protocol_name"]?.string ?? json["name"]?.string ?? ""
        switch NoiseProtocol.named(name) {
        case .malformed where !name.hasPrefix("NoisePSK_"):
            return .failed(name: name, reason: "the name is none of a Noise protocol")
        case .malformed, .unsupported:
            return .skipped
        case .supported(let noise):
            do {
                let vector = try NoiseVector(noise, json)
                try vector.check()
                return .passed
            } catch {
                return .failed(name: name, reason: error.reason)
            }
        }
    }
}
