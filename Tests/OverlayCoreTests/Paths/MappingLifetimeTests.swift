import PosternModel
import Testing

@testable import OverlayCore

/// How long translators keep a silent mapping (`Protocol.md` §9.4).
@Suite struct MappingLifetimeTests {
    /// The silences that are tried where a mapping is kept for `lifetime` seconds, and what they lead to.
    private func search(_ lifetime: Int64) -> (tried: [Int64], found: MappingLifetime) {
        var search = MappingLifetime()
        var tried: [Int64] = []
        while let next = search.next, tried.count < 30 {
            tried.append(Int64(next.seconds))
            search.note(next, survived: next < .seconds(lifetime))
        }
        return (tried, search)
    }

    @Test(arguments: [10, 16, 20, 29, 31, 40, 45, 59, 61, 120, 300] as [Int64])
    func `the keep-alive is below the lifetime, and not far below`(lifetime: Int64) throws {
        let (tried, found) = search(lifetime)
        #expect(tried.count <= 10)
        let keepAlive = try #require(found.keepAlive)
        #expect(keepAlive < .seconds(lifetime))
        #expect(keepAlive * 2 >= .seconds(min(lifetime, 60)))
    }

    @Test func `a translator that keeps mappings long is known after two trials`() {
        let (tried, found) = search(120)
        #expect(tried == [30, 60] && found.keepAlive == .seconds(45))
    }

    @Test func `one answer that does not come is tried once more`() {
        var search = MappingLifetime()
        search.note(.seconds(30), survived: false)
        #expect(search.next == .seconds(30) && search.keepAlive == nil)
        search.note(.seconds(30), survived: true)
        #expect(search.next == .seconds(60) && search.died == nil)
        // A doubt does not outlive a success.
        search.note(.seconds(60), survived: false)
        #expect(search.next == .seconds(60))
        search.note(.seconds(60), survived: false)
        #expect(search.died == .seconds(60) && search.next == .seconds(45))
    }
}
