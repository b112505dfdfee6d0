import Simulation
import Testing

@Suite struct SimulatedFileTests {
    @Test func `a killed process loses nothing that it wrote`() {
        var random = SeededRandom(seed: 1)
        var file = SimulatedFile()
        file.write([1, 2, 3], at: 0)
        file.survive(.process, &random)
        #expect(file.content == [1, 2, 3])
    }

    @Test(arguments: UInt64(1)...40)
    func `a power failure leaves what was synchronized and a part of the rest`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var file = SimulatedFile()
        file.write([1, 2, 3], at: 0)
        file.synchronize()
        file.write([4, 5, 6], at: 3)
        file.survive(.power(canDamage: false), &random)
        #expect((3...6).contains(file.content.count))
        #expect(file.content == Array([1, 2, 3, 4, 5, 6].prefix(file.content.count)))
    }

    @Test func `a power failure can cut and can damage`() {
        let outcomes = (UInt64(1)...60).map { seed in
            var random = SeededRandom(seed: seed)
            var file = SimulatedFile()
            file.write([1, 2, 3], at: 0)
            file.synchronize()
            file.write([4, 5, 6], at: 3)
            file.survive(.power(canDamage: true), &random)
            return file.content
        }
        #expect(outcomes.allSatisfy { $0.starts(with: [1, 2, 3]) })
        #expect(Set(outcomes.map(\.count)) == [3, 4, 5, 6])
        #expect(outcomes.contains { !Array([1, 2, 3, 4, 5, 6]).starts(with: $0) })
    }
}
