import HubCore
import HubProtocol
import OverlayCrypto
import PosternModel
import Testing
import TrustCore

@testable import HubServer

/// A store that takes nothing.
private struct BrokenStore: HubStore {
    struct Broken: Error {}

    func transaction(_ reads: HubReads, _ decide: (HubFacts) -> [HubWrite]) throws { throw Broken() }
}

@Suite struct HubWorkerTests {
    let alice = identity(1).key
    let now = Clocks(wall: Timestamp(seconds: 1_795_000_000), instant: Instant(nanoseconds: 0))

    func request(_ id: UInt64, _ text: String) -> HubArrival {
        .request(HubRequestID(id), try? JSONValue(parsing: text), from: alice, in: .unknown, at: now)
    }

    func take(_ batch: [HubArrival], by worker: HubWorker) async -> HubWorker.Outcome {
        await withCheckedContinuation { continuation in
            worker.take(batch) { continuation.resume(returning: $0) }
        }
    }

    @Test func `what is not a request is refused, and the rest of its batch is taken`() async throws {
        let worker = HubWorker(identity: identity(9), settings: .defaults, store: MemoryHubStore())
        let batch = [
            request(1, "{"), request(2, #"{"do":"register"}"#), request(3, #"{"do":"dance"}"#),
            .input(.tidy(at: now.wall)),
        ]
        let outcome = await take(batch, by: worker)
        let answers = outcome.actions.reduce(into: [HubRequestID: HubAnswer]()) { answers, action in
            if case .answer(let id, let answer) = action { answers[id] = answer }
        }
        #expect(answers[HubRequestID(1)] == .refused(HubRefusal(.malformed)))
        guard case .registered(alice, _, _, mark: nil)? = answers[HubRequestID(2)] else { throw RecordError.malformed }
        #expect(answers[HubRequestID(3)] == .refused(HubRefusal(.invalid("do"))))
        #expect(outcome.failure == nil)
    }

    @Test func `what is no document is refused, and what came with it is done`() async {
        let worker = HubWorker(identity: identity(9), settings: .defaults, store: MemoryHubStore())
        let outcome = await take([request(1, #"{"do":"deregister"}"#), request(2, #"{"do":"#)], by: worker)
        #expect(
            outcome.actions == [
                .answer(HubRequestID(2), .refused(HubRefusal(.malformed))), .answer(HubRequestID(1), .done),
            ]
        )
    }

    @Test func `the error of a store is reported beside the answers`() async {
        let worker = HubWorker(identity: identity(9), settings: .defaults, store: BrokenStore())
        let outcome = await take([request(1, #"{"do":"register"}"#)], by: worker)
        #expect(outcome.actions == [.answer(HubRequestID(1), .refused(.unavailable))])
        #expect(outcome.failure == "Broken()")
    }
}
