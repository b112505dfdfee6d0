import Foundation
import FuzzSubjects
import TestSupport
import Testing

/// Every subject on its corpus and on what a seeded generator makes of it. `postern-fuzz` does the same for as long as
/// one likes, led by what the inputs reach.
@Suite struct FuzzSubjectTests {
    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fixtures/Fuzz")
    private static let mutationCount = 100

    @Test(arguments: FuzzSubject.all.map(\.name))
    func `a subject has a corpus`(name: String) throws {
        #expect(try !Self.corpus(of: name).isEmpty)
    }

    @Test(arguments: FuzzSubject.all.map(\.name))
    func `a subject withstands its corpus and mutations of it`(name: String) async {
        await #expect(processExitsWith: .success) { [name] in
            let subject = try #require(FuzzSubject(named: name))
            let corpus = try Self.corpus(of: name)
            for input in corpus { subject.receive(input) }
            var generator = SplitMix(seed: 1)
            for _ in 0..<Self.mutationCount {
                subject.receive(Self.mutation(of: corpus, using: &generator))
            }
        }
    }

    private static func corpus(of name: String) throws -> [[UInt8]] {
        let folder = fixtures.appending(path: name)
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return try files.sorted { $0.path < $1.path }.map { Array(try Data(contentsOf: $0)) }
    }

    /// An input of the corpus with some bytes changed, left out, put in, or taken from another.
    private static func mutation(of corpus: [[UInt8]], using generator: inout SplitMix) -> [UInt8] {
        var bytes = corpus.randomElement(using: &generator) ?? []
        for _ in 0..<Int.random(in: 1...8, using: &generator) {
            let position = Int.random(in: 0...bytes.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0 where position < bytes.count: bytes[position] = UInt8.random(in: 0...255, using: &generator)
            case 1:
                bytes.removeSubrange(position..<min(bytes.count, position + Int.random(in: 0..<5, using: &generator)))
            case 2: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: position)
            case _:
                let other = corpus.randomElement(using: &generator) ?? []
                bytes.insert(contentsOf: other.prefix(Int.random(in: 0..<64, using: &generator)), at: position)
            }
        }
        return bytes
    }
}
