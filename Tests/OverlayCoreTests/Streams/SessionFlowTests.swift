import PosternModel
import Testing

@testable import OverlayCore

@Suite("Credit of a session")
struct SessionFlowTests {
    private func flow(window: UInt64 = 100_000, ceiling: UInt64 = 400_000, streams: Int = 100) -> SessionFlow {
        var settings = NodeSettings.defaults
        settings.sessionWindow = window
        settings.maxUnreadBytes = ceiling
        settings.maxStreams = streams
        return SessionFlow(settings: settings, at: .at(0))
    }

    /// Grants as a node does that has memory, long after the last time: the window stays as it is.
    private func grant(_ flow: inout SessionFlow, memory: UInt64 = .max) -> Bool {
        flow.grantData(memory: memory, roundTrip: .zero, at: .at(0))
    }

    @Test func `what is sent uses up the peer's credit and never more`() {
        var flow = flow()
        flow.peerMaxData = 100
        #expect(flow.sendCredit == 100)
        flow.send(60)
        #expect(flow.sendCredit == 40)
        flow.send(40)
        #expect(flow.sendCredit == 0)
        flow.peerMaxData = 150
        #expect(flow.sendCredit == 50)
        flow.restartSending()
        #expect(flow.sendCredit == 150)
    }

    @Test func `bytes up to the credit are taken and one more is not`() {
        var flow = flow()
        let isTaken = flow.receive(100_000)
        #expect(isTaken)
        let isExceeded = !flow.receive(1)
        #expect(isExceeded)
    }

    @Test func `credit follows arrival, so that a stalled reader holds up nobody else`() {
        var flow = flow()
        var granted = 0
        // Nothing is read; only the ceiling stops the peer.
        while flow.receivedData < flow.maxData {
            let isTrue1 = flow.receive(min(1000, flow.maxData - flow.receivedData))
            #expect(isTrue1)
            if grant(&flow) { granted += 1 }
        }
        #expect(granted > 0)
        #expect(flow.unreadData <= 400_000)
        #expect(flow.unreadData >= 300_000)
        flow.consume(200_000)
        let isTrue2 = grant(&flow)
        #expect(isTrue2)
        #expect(flow.maxData == flow.receivedData + 100_000)
    }

    @Test func `unread bytes never pass the ceiling, whatever is read when`() {
        var flow = flow()
        var random = SplitMix(seed: 3)
        for _ in 0..<20_000 {
            let room = flow.maxData - flow.receivedData
            let limit = flow.maxData
            _ = flow.receive(.random(in: 0...min(room, 2000), using: &random))
            _ = grant(&flow)
            flow.consume(.random(in: 0...min(flow.unreadData, 2100), using: &random))
            #expect(flow.maxData >= limit)
            #expect(flow.unreadData + flow.maxData - flow.receivedData <= 400_000)
        }
    }

    @Test func `a frame is sent only for an eighth of the window`() {
        var flow = flow()
        _ = flow.receive(12_499)
        let isTrue3 = grant(&flow)
        #expect(!isTrue3)
        _ = flow.receive(1)
        let isTrue4 = grant(&flow)
        #expect(isTrue4)
        let isTrue5 = grant(&flow)
        #expect(!isTrue5)
    }

    @Test func `the window doubles while an eighth of it comes within half a round trip, up to the ceiling`() {
        var flow = flow(window: 100_000, ceiling: 400_000)
        var windows: [UInt64] = []
        for step in 1...4 as ClosedRange<Int64> {
            let isTaken = flow.receive(flow.maxData - flow.receivedData)
            flow.consume(flow.unreadData)
            let isGranted = flow.grantData(memory: .max, roundTrip: .milliseconds(10), at: .at(4 * step))
            #expect(isTaken && isGranted)
            windows.append(flow.maxData - flow.receivedData)
        }
        #expect(windows == [200_000, 400_000, 400_000, 400_000])
        _ = flow.receive(400_000)
        flow.consume(400_000)
        let isGranted = flow.grantData(memory: .max, roundTrip: .milliseconds(10), at: .at(1000))
        #expect(isGranted && flow.maxData - flow.receivedData == 400_000)
    }

    @Test func `a session holds no more than the memory it may, but always a little`() {
        var flow = flow(window: 100_000)
        _ = flow.receive(100_000)
        let isEarly = grant(&flow, memory: 100_000)
        #expect(!isEarly, "so much is unread")
        let isRaised = grant(&flow, memory: 160_000)
        #expect(isRaised && flow.maxData == 160_000)
        _ = flow.receive(60_000)
        flow.consume(160_000)
        let isGranted = grant(&flow, memory: 0)
        #expect(isGranted && flow.maxData == 160_000 + WindowPace.smallest)
    }

    @Test func `a stream gets half of what the others leave of the ceiling`() {
        var flow = flow(ceiling: 400_000)
        #expect(flow.room(forStreamWith: 0) == 200_000)
        _ = flow.receive(100_000)
        #expect(flow.room(forStreamWith: 0) == 150_000)
        #expect(flow.room(forStreamWith: 100_000) == 200_000)
    }

    @Test func `streams that ended make room for as many new ones`() {
        var flow = flow(streams: 100)
        #expect(flow.maxStreams == 100)
        var told: [UInt64] = []
        for _ in 0..<60 where flow.closePeerStream() { told.append(flow.maxStreams) }
        #expect(told == [125, 150])
    }
}
