import GatewayCore
import NIOCore
import PosternModel
import Testing

@testable import GatewayNIO

/// Keeps what is saved.
private final class MemoryStore: CallbackStore {
    var content: [UInt8] = []
    func load() -> [UInt8] { content }
    func save(_ content: [UInt8]) { self.content = content }
}

@Suite struct CallbackTableTests {
    private let alice = NodeKey(bytes: [UInt8](repeating: 1, count: 32))!
    private let bob = NodeKey(bytes: [UInt8](repeating: 2, count: 32))!

    @Test func `a receiver has one id for each peer, and only that peer's agents find it`() {
        let table = CallbackTable(store: nil)
        let (first, isNew) = table.register("http://127.0.0.1:1/a", for: alice)
        #expect(isNew)
        let again = table.register("http://127.0.0.1:1/a", for: alice)
        #expect(again.id == first && !again.isNew)
        let other = table.register("http://127.0.0.1:1/a", for: bob).id
        #expect(other != first && table.register("http://127.0.0.1:1/b", for: alice).id != first)
        #expect(table.receiver(first, for: alice) == "http://127.0.0.1:1/a")
        #expect(table.receiver(first, for: bob) == nil)
    }

    @Test func `receivers outlive the process, and end with the trust`() {
        let store = MemoryStore()
        let id = CallbackTable(store: store).register("http://127.0.0.1:1/a", for: alice).id
        let next = CallbackTable(store: store)
        #expect(next.receiver(id, for: alice) == "http://127.0.0.1:1/a")
        #expect(next.end(alice) == 1 && next.end(alice) == 0)
        #expect(next.receiver(id, for: alice) == nil)
        #expect(CallbackTable(store: store).receiver(id, for: alice) == nil)
    }

    @Test func `a peer's receivers are bounded, and the one unused for longest makes room`() {
        let table = CallbackTable(store: nil)
        let others = table.register("http://127.0.0.1:1/a", for: bob).id
        let ids = (0...CallbackTable.limitPerPeer).map { table.register("http://127.0.0.1:1/\($0)", for: alice).id }
        #expect(ids.filter { table.receiver($0, for: alice) != nil }.count == CallbackTable.limitPerPeer)
        #expect(table.receiver(ids.last!, for: alice) != nil && table.receiver(others, for: bob) != nil)
    }

    @Test func `one that nobody calls for a week is forgotten, and a file that is damaged holds none`() {
        let store = MemoryStore()
        let id = CallbackTable(store: store).register("http://127.0.0.1:1/a", for: alice).id
        let text = String(decoding: store.content, as: UTF8.self)
        store.content = Array(text.replacing(#/"used":\d+/#, with: "\"used\":1").utf8)
        #expect(CallbackTable(store: store).receiver(id, for: alice) == nil)
        for damaged in ["", "{", "[]", #"{"x":{}}"#, text.replacing("receiver", with: "r")] {
            store.content = Array(damaged.utf8)
            #expect(CallbackTable(store: store).receiver(id, for: alice) == nil)
        }
    }
}
