import OverlayCore
import PosternModel
import Simulation
import Testing

@Suite struct ReductionTests {
    @Test(arguments: ["", "fault:0-2+7", "host:1,attack:0-99,stream:3+5,span:12.5"])
    func `a reduction is what its text says`(text: String) throws {
        let reduction = try #require(Reduction(text))
        #expect(reduction.description == text)
        #expect(reduction.isEmpty == text.isEmpty)
    }

    @Test(arguments: ["fault", "fault:", "fault:x", "fault:3-1", "fault:1-2-3", "weather:1", "span:-1", "stream:-1"])
    func `what is no reduction is none`(text: String) {
        #expect(Reduction(text) == nil)
    }

    @Test func `what is left out is gone and the rest is as it was`() throws {
        let whole = Scenario.swarm(seed: 4)
        let smaller = whole.reduced(by: try #require(Reduction("stream:0-1,fault:0,span:3")))
        #expect(smaller.streams.map(\.tag) == whole.streams.dropFirst(2).map(\.tag))
        #expect(smaller.faults.count == whole.faults.count - 1)
        #expect(smaller.safetySpan == .seconds(3))
        #expect(try World(whole.reduced(by: Reduction())).runToEnd().digest == World(whole).runToEnd().digest)
    }

    @Test func `a host that is left out takes everything along that names it`() throws {
        var whole = Scenario(name: "test", seed: 1, hostCount: 3, hub: HostID(2), safetySpan: .seconds(10))
        whole.stream(0, 1, at: .seconds(1), .echo, byteCount: 100)
        whole.stream(1, 0, at: .seconds(1), .echo, byteCount: 100)
        whole.fault(.crash(HostID(2), span: .seconds(1)), at: .seconds(2))
        let smaller = whole.reduced(by: try #require(Reduction("host:2")))
        #expect(smaller.hub == nil && smaller.faults.isEmpty && smaller.streams.count == 2)
        let summary = try World(smaller).runToEnd()
        #expect(summary.sessionCount == 2)
    }
}

@Suite struct MinimiserTests {
    /// A world in which one stream among many things that do not matter makes more happen than may.
    private func broken() -> Scenario {
        var scenario = Scenario(name: "broken", seed: 1, hostCount: 4, profile: .broadband, safetySpan: .seconds(60))
        scenario.eventLimit = 3000
        for index in 0..<6 {
            scenario.stream(index % 3, index % 3 + 1, at: .seconds(Int64(index)), .echo, byteCount: 1000)
        }
        scenario.stream(0, 1, at: .seconds(1), .source(byteCount: 4 << 20), byteCount: 10)
        scenario.links = [(HostPair(HostID(0), HostID(1)), .wideArea)]
        for second in 1...5 { scenario.fault(.roam(HostID(3), isTold: true), at: .seconds(Int64(second))) }
        return scenario
    }

    @Test func `only what makes a run fail is kept`() throws {
        let scenario = broken()
        let violation = try #require(throws: Violation.self) { _ = try World(scenario).runToEnd() }
        #expect(violation.invariant == .progress)
        var minimiser = Minimiser(scenario, violation: violation)
        try minimiser.run()
        let smaller = scenario.reduced(by: minimiser.reduction)
        #expect(smaller.streams.map(\.tag) == [ContentTag(7)])
        #expect(smaller.faults.isEmpty)
        #expect(smaller.safetySpan < .seconds(5))
        #expect(minimiser.reduction.omits(.host, 2) && minimiser.reduction.omits(.host, 3))
        let again = #expect(throws: Violation.self) { _ = try World(smaller).runToEnd() }
        #expect(again?.detail == minimiser.violation.detail)
        #expect(smaller.summaryLines.count < scenario.summaryLines.count)
    }
}

@Suite struct EventLogTests {
    @Test func `a log has a head and a record for each packet, and what recovery knows`() throws {
        let world = try World(.handshakeLoss(seed: 2))
        var records: [JSONValue] = []
        world.writeEventLog { text in
            guard text.hasPrefix("\u{1e}"), text.hasSuffix("\n") else {
                Issue.record("no record of a JSON text sequence: \(text)")
                return
            }
            if let value = try? JSONValue(parsing: String(text.dropFirst())) { records.append(value) }
        }
        let summary = try world.runToEnd()
        #expect(records.first?["file_schema"]?.string == "urn:ietf:params:qlog:file:sequential")
        func events(_ name: String) -> [JSONValue] { records.filter { $0["name"]?.string == "quic:" + name } }
        #expect(events("packet_sent").count == summary.packetCount)
        #expect(events("packet_dropped").count == summary.droppedCount)
        #expect(!events("packet_lost").isEmpty)
        let metrics = try #require(events("recovery_metrics_updated").last?["data"])
        #expect(try #require(metrics["congestion_window"]?.integer) > 0)
        #expect(try #require(metrics["smoothed_rtt"]?.double) >= 10)
        let times = records.dropFirst().compactMap { $0["time"]?.double }
        #expect(times.count == records.count - 1 && times == times.sorted())
        // Who watches changes nothing.
        #expect(try World(.handshakeLoss(seed: 2)).runToEnd().digest == summary.digest)
    }
}
