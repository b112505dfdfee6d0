import OverlayCrypto
import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

@Suite("Cookies")
struct CookiesTests {
    private let home = Endpoint.ipv4(address: 1, port: 1)
    private let relay = Endpoint.relay(RelayHandle(hub: 1, generation: 1, channel: RelayChannel(5)))

    private func random() -> RandomSource { RandomSource(seed: Array(repeating: 7, count: 32)) }

    /// A first message as far as its second MAC is concerned.
    private func message(with cookie: MACKey) -> [UInt8] {
        let bytes = [UInt8](repeating: 3, count: PacketLayout.Initiation.mac1.upperBound)
        return bytes + HandshakeMAC.mac(bytes, key: cookie)
    }

    private func isProven(_ cookies: Cookies, _ message: [UInt8], from endpoint: Endpoint, at now: Instant) -> Bool {
        cookies.prove(message.span.bytes, at: PacketLayout.Initiation.mac1.upperBound, from: endpoint, at: now)
    }

    @Test func `a cookie proves one address and port, or one conversation`() {
        var (cookies, random) = (Cookies(), random())
        #expect(
            !isProven(cookies, message(with: CookieSecret(from: random).cookie(for: home)), from: home, at: .at(0))
        )
        let others: [Endpoint] = [
            .ipv4(address: 1, port: 2), .ipv4(address: 2, port: 1), .ipv6(high: 0, low: 1, port: 1),
            .relay(RelayHandle(hub: 1, generation: 1, channel: RelayChannel(6))),
            .relay(RelayHandle(hub: 2, generation: 1, channel: RelayChannel(5))),
        ]
        for owner in [home, relay] {
            let message = message(with: cookies.cookie(for: owner, random: random, at: .at(0)))
            #expect(isProven(cookies, message, from: owner, at: .at(0)))
            for other in others + [owner == home ? relay : home] {
                #expect(!isProven(cookies, message, from: other, at: .at(0)))
            }
        }
        #expect(
            !isProven(cookies, Array(repeating: 0, count: PacketLayout.Initiation.byteCount), from: home, at: .at(0))
        )
    }

    @Test func `a cookie is good for at least two minutes and at most four`() {
        var (cookies, random) = (Cookies(), random())
        let early = message(with: cookies.cookie(for: home, random: random, at: .at(0)))
        let late = message(with: cookies.cookie(for: home, random: random, at: .at(119_999)))
        #expect(early == late)
        #expect(isProven(cookies, late, from: home, at: .at(239_999)))
        let next = message(with: cookies.cookie(for: home, random: random, at: .at(120_000)))
        #expect(next != late)
        #expect(isProven(cookies, late, from: home, at: .at(239_999)))
        #expect(!isProven(cookies, late, from: home, at: .at(240_000)))
        #expect(isProven(cookies, next, from: home, at: .at(240_000)))
    }

    @Test func `a kept cookie is used on its way for two minutes, and on ways that are like it`() {
        var (kept, cookies, random) = (KeptCookies(), Cookies(), random())
        let direct = cookies.cookie(for: home, random: random, at: .at(0))
        let relayed = cookies.cookie(for: relay, random: random, at: .at(0))
        kept.add(direct, from: home, at: .at(0))
        #expect(kept.cookie(for: home, at: .at(119_999)) == direct)
        #expect(kept.cookie(for: .ipv4(address: 9, port: 9), at: .at(0)) == direct)
        #expect(kept.cookie(for: relay, at: .at(0)) == nil)
        kept.add(relayed, from: relay, at: .at(5))
        #expect(kept.cookie(for: relay, at: .at(5)) == relayed)
        #expect(
            kept.cookie(for: .relay(RelayHandle(hub: 3, generation: 1, channel: RelayChannel(1))), at: .at(5)) == nil
        )
        #expect(kept.cookie(for: home, at: .at(120_000)) == nil)
    }

    @Test func `the oldest cookie goes when there are too many`() {
        var (kept, cookies, random) = (KeptCookies(), Cookies(), random())
        let relays = (0...KeptCookies.maximum).map {
            Endpoint.relay(RelayHandle(hub: 1, generation: 1, channel: RelayChannel(UInt32($0))))
        }
        for relay in relays {
            kept.add(cookies.cookie(for: relay, random: random, at: .at(0)), from: relay, at: .at(0))
        }
        #expect(kept.cookie(for: relays[0], at: .at(0)) == nil)
        #expect(relays.dropFirst().allSatisfy { kept.cookie(for: $0, at: .at(0)) != nil })
    }
}
