import ArgumentParser
import Foundation
import OverlayCrypto

/// Runs files of Noise test vectors and tells how many passed. Fails when one did not, or when there was none to run.
struct VectorCheck {
    let files: [String]
    let isJSON: Bool

    func run() throws {
        var passed = 0
        var failed = 0
        var skipped = 0
        for file in files {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw ValidationError("\(file) cannot be read")
            }
            let result = NoiseVectors.run(json: String(decoding: data, as: UTF8.self))
            passed += result.passed
            failed += result.failed
            skipped += result.skipped
            guard !isJSON else { continue }
            for failure in result.failures { print("\(file): \(failure)") }
            print(
                "\(file): \(result.passed) passed, \(result.failed) failed, \(result.skipped) skipped: other protocols"
            )
        }
        if isJSON {
            print("{\"passed\":\(passed),\"failed\":\(failed),\"skipped\":\(skipped)}")
        } else {
            print("\(passed) passed, \(failed) failed")
        }
        guard failed == 0, passed > 0 else { throw ExitCode.failure }
    }
}
