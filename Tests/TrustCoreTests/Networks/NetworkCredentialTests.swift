import OverlayCrypto
import PosternModel
import TestSupport
import Testing

@testable import TrustCore

/// Who may make members by certificate, and which of them count (RULES N8).
@Suite struct NetworkCredentialTests {
    private var world = try! NetworkWorld.team()
    private let authority = identity(60)
    private let subject = identity(61).key

    private func credential(
        by signer: NodeIdentity? = nil,
        from: Int64 = 100,
        until: Int64 = 160,
        groups: [String] = ["ops"]
    ) throws -> NetworkCredential {
        let key = try #require(world.keys[world.log.state.key])
        return NetworkCredential(
            by: signer ?? authority,
            for: subject,
            in: world.id,
            groups: groups,
            from: time(from),
            until: time(until),
            key: key,
            using: world.random
        )
    }

    private mutating func authorize(lifetime: Int64 = 60_000) throws {
        try world.write(by: people[0], .authorize(authority.key, lifetime: lifetime), ["groups": ["ops"]])
    }

    @Test mutating func `it counts from its time to its time, as long as its authority may`() throws {
        let credential = try credential()
        #expect(!world.log.state.admits(credential, at: time(120)), "nobody has made it an authority")
        try authorize()
        let state = world.log.state
        let moments: [(Int64, Bool)] = [(-30, false), (-10, true), (100, true), (159, true), (160, false)]
        for (seconds, counts) in moments {
            #expect(state.admits(credential, at: time(seconds)) == counts, "\(seconds)")
        }
        #expect(try !state.admits(self.credential(until: 161), at: time(120)), "longer than the log allows")
        #expect(try !state.admits(self.credential(by: people[1]), at: time(120)))
        #expect(world.content.groups(of: credential, openedBy: world.keys) == ["ops"])
        #expect(world.content.groups(of: credential, openedBy: NetworkKeyring()).isEmpty)
    }

    @Test mutating func `owners name authorities, administrators void, and entries end both`() throws {
        #expect(throws: NetworkFault.notAllowed) {
            try world.write(by: people[1], .authorize(authority.key, lifetime: 1), ["groups": []])
        }
        #expect(throws: NetworkFault.outdated) { try authorize(lifetime: 86_400_001) }
        #expect(throws: NetworkFault.outdated) { try authorize(lifetime: 0) }
        try authorize()
        #expect(throws: NetworkFault.outdated) { try authorize() }
        let credential = try credential()
        #expect(throws: NetworkFault.notAllowed) { try world.write(by: people[2], .void(subject, from: time(100))) }
        try world.write(by: people[1], .void(subject, from: time(100)))
        #expect(!world.log.state.admits(credential, at: time(120)))
        #expect(throws: NetworkFault.outdated) { try world.write(by: people[1], .void(subject, from: time(100))) }
        let later = try self.credential(from: 101)
        #expect(world.log.state.admits(later, at: time(120)))
        #expect(throws: NetworkFault.notAllowed) { try world.write(by: people[1], .unauthorize(authority.key)) }
        try world.write(by: people[0], .unauthorize(authority.key))
        #expect(!world.log.state.admits(later, at: time(120)))
    }

    @Test mutating func `a state goes through its document with what was shown`() throws {
        try authorize()
        var state = world.log.state
        #expect(try state.show(credential(), at: time(120)))
        #expect(try !state.show(credential(), at: time(120)), "it is no news")
        #expect(state.contains(subject, at: time(120)) && !state.contains(subject, at: time(160)))
        #expect(state.end(of: subject, at: time(120)) == time(160))
        #expect(try NetworkState(state.document) == state)
        try world.write(by: people[0], .void(subject, from: time(100)))
        try world.write(by: people[0], .unauthorize(authority.key))
        #expect(try NetworkState(world.log.state.document) == world.log.state)
        try state.apply(world.written[world.written.count - 2])
        #expect(!state.contains(subject, at: time(120)))
        #expect(state.lastReadable(by: subject, at: time(120)) == state.head.sequence, "up to what ended it")
        #expect(state.lastReadable(by: subject, at: time(160)) == nil)
    }

    @Test mutating func `a credential goes through its text with what it is handed over with, and nothing else does`()
        throws
    {
        try authorize()
        let made = NetworkAuthority(
            network: world.id,
            name: "acme",
            hubs: [hub],
            head: world.log.state.head,
            groups: ["ops"],
            lifetime: .seconds(60),
            seed: Array(repeating: 60, count: 32),
            key: try #require(world.keys[world.log.state.key])
        )
        #expect(NetworkAuthority(within: "keep this:\n\(made.token)\n") == made)
        let reader = identity(61)
        let link = made.certify(
            reader.key,
            groups: ["ops"],
            lifetime: .seconds(60),
            at: time(100),
            using: world.random
        )
        let certificate = try #require(link)
        #expect(CredentialLink(within: certificate.token) == certificate)
        #expect(certificate.contentKey(openedBy: reader).map { NetworkHash(bytes: $0.hash) } == world.log.state.key)
        #expect(certificate.contentKey(openedBy: people[0]) == nil, "it is sealed to its subject")
        let token = certificate.token
        for length in stride(from: 0, to: token.count, by: 7) {
            #expect(CredentialLink(within: token.prefix(length)) == nil)
        }
        for member in ["to", "network", "from", "until", "groups", "signature", "by"] {
            var object = try #require(certificate.credential.document.object)
            object[member] = nil
            #expect(throws: RecordError.self) { try NetworkCredential(verifying: .object(object)) }
            object[member] = "x"
            #expect(throws: RecordError.self) { try NetworkCredential(verifying: .object(object)) }
        }
        var forged = try #require(certificate.credential.document.object)
        forged["until"] = .time(time(900))
        #expect(throws: RecordError.badSignature) { try NetworkCredential(verifying: .object(forged)) }
    }
}
