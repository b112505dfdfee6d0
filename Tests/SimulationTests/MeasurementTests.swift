import OverlayCore
import Simulation
import Testing

@Suite struct FigureTests {
    @Test func `a figure is what its line says, whatever is in its name`() throws {
        let figure = Figure("bulk: 10 Mbit/s, 1 % loss", [9.46], .megabitsPerSecond)
        #expect(figure.line == "bulk: 10 Mbit/s, 1 % loss: 9.5 Mbit/s")
        #expect(Figure(line: figure.line) == figure)
    }

    @Test func `a figure of several runs is their mean with its standard error`() {
        let figure = Figure("bulk", [9, 10, 11], .megabitsPerSecond)
        #expect(figure.line == "bulk: 10.0 ± 0.6 Mbit/s")
        #expect(Figure(line: figure.line) == figure)
    }

    @Test func `what random may explain is not worse`() {
        let past = Figure("bulk", [9, 10, 11], .megabitsPerSecond)
        #expect(Figure("bulk", [8.9], .megabitsPerSecond).worsening(since: past) == 0)
        #expect(Figure("bulk", [8], .megabitsPerSecond).worsening(since: past) == 0.2)
    }

    @Test(arguments: [
        "", "name", "name: 1", "name: one ms", "name: 1 furlong", "name 1 ms", "name: 1 ms more", "name: 1 + 2 ms",
    ])
    func `what is no figure is none`(line: String) {
        #expect(Figure(line: line) == nil)
    }

    @Test func `more goodput is better and more waiting is worse`() {
        let goodput = Figure("goodput", [100], .megabitsPerSecond)
        #expect(Figure("goodput", [90], .megabitsPerSecond).worsening(since: goodput) == 0.1)
        #expect(Figure("goodput", [110], .megabitsPerSecond).worsening(since: goodput) == -0.1)
        let latency = Figure("latency", [100], .milliseconds)
        #expect(Figure("latency", [110], .milliseconds).worsening(since: latency) == 0.1)
        // What rounding can make of two figures that are the same.
        #expect(
            Figure("small", [0.9], .megabitsPerSecond).worsening(since: Figure("small", [1], .megabitsPerSecond)) == 0
        )
    }
}

@Suite struct SnapshotTests {
    private let past = Figure("bulk", [100], .megabitsPerSecond)

    private func snapshot(_ figures: [Figure]) -> Snapshot {
        var snapshot = Snapshot()
        for figure in figures { snapshot.keep(figure) }
        return snapshot
    }

    @Test func `a snapshot reads what it wrote`() throws {
        let figures = [past, Figure("wait", [0.5], .milliseconds), Figure("complete", [98], .percent)]
        let text = snapshot(figures).text
        #expect(try Snapshot(text: text).text == text)
        #expect(try Snapshot(text: text).names == ["bulk", "wait", "complete"])
    }

    @Test func `a line that is no figure is named`() {
        let error = #expect(throws: SnapshotError.self) { try Snapshot(text: "# head\n\nbulk: fast\n") }
        #expect(error?.line == 3 && error?.text == "bulk: fast")
    }

    @Test func `five percent less is kept and more than that is worse`() {
        func verdict(_ value: Double) -> String {
            switch snapshot([past]).verdict(on: Figure("bulk", [value], .megabitsPerSecond)) {
            case .kept: "kept"
            case .worse(let before): before == past ? "worse" : "wrong"
            case .better(let before): before == past ? "better" : "wrong"
            case .unknown: "unknown"
            }
        }
        #expect(verdict(95) == "kept" && verdict(105) == "kept")
        #expect(verdict(94.9) == "worse")
        #expect(verdict(105.1) == "better")
    }

    @Test func `a figure of another unit or name is unknown`() {
        for figure in [Figure("bulk", [100], .milliseconds), Figure("other", [100], .megabitsPerSecond)] {
            guard case .unknown = snapshot([past]).verdict(on: figure) else {
                Issue.record("\(figure.line) was compared with \(past.line)")
                continue
            }
        }
    }
}

@Suite struct MeasurementTests {
    private func figures(_ name: String) throws -> [Figure] {
        let measurements = Measurement.all([.cubic]).filter { $0.name.hasPrefix(name) }
        return try measurements.flatMap { try $0.figures() }
    }

    @Test func `no two measurements have the same name`() {
        let names = Measurement.all(CongestionAlgorithm.allCases).map(\.name)
        #expect(Set(names).count == names.count)
    }

    @Test func `a clear link of 10 Mbit per second gives nearly all of it to one stream`() throws {
        let figure = try #require(try figures("bulk cubic 10 Mbit/s, 40 ms, 0 % loss").first)
        #expect((8.5...10).contains(figure.value))
    }

    @Test func `the first answer on a cold pair takes one round trip`() throws {
        #expect(try figures("first answer").map(\.line) == ["first answer on a cold pair, 30 ms: 30.0 ms"])
    }
}
