import OverlayWire
import PosternModel
import Testing

@testable import OverlayCrypto

@Suite("The handshake of sessions")
struct NoiseSessionTests {
    /// Two nodes that share a secret, and what each says.
    struct World {
        let first: NodeIdentity
        let second: NodeIdentity
        let psk: PreSharedKey
        let early = Array("early".utf8)
        let answer = Array("answer".utf8)

        init() throws {
            first = try NodeIdentity(seed: Array(repeating: 1, count: 32))
            second = try NodeIdentity(seed: Array(repeating: 2, count: 32))
            psk = try #require(PreSharedKey(bytes: Array(repeating: 3, count: 32)))
        }

        func initiator(responder: ExchangeKey? = nil) throws -> NoiseInitiator {
            NoiseInitiator(
                identity: first,
                responder: responder ?? second.exchangeKey,
                psk: psk,
                prologue: PacketLayout.prologue(to: second.key),
                ephemeral: try ExchangeKeyPair(secretBytes: Array(repeating: 4, count: 32))
            )
        }

        func responder(_ identity: NodeIdentity? = nil, prologue: [UInt8]? = nil) -> NoiseResponder {
            NoiseResponder(
                identity: identity ?? second,
                prologue: prologue ?? PacketLayout.prologue(to: second.key)
            )
        }

        /// What `responder` reads in `message1`, if it is from the first node.
        func read(_ message1: [UInt8], at responder: inout NoiseResponder) throws -> [UInt8] {
            #expect(try responder.readSender(of: message1) == first.exchangeKey)
            return try responder.readMessage1(psk: psk)
        }

        /// Message 1 of `initiator`.
        func message1(_ initiator: inout NoiseInitiator) throws -> [UInt8] {
            var state = try self.initiator()
            let message = try written { try state.writeMessage1(payload: early, to: &$0) }.bytes
            initiator = state
            return message
        }

        /// Message 2 of a responder that reads `message1`.
        func message2(to message1: [UInt8]) throws -> (bytes: [UInt8], result: SessionSecrets) {
            var responder = responder()
            _ = try read(message1, at: &responder)
            let ephemeral = try ExchangeKeyPair(secretBytes: Array(repeating: 5, count: 32))
            return try written { try responder.writeMessage2(payload: answer, to: &$0, ephemeral: ephemeral) }
        }
    }

    @Test func `S4: both sides end with the same secrets and know each other`() throws {
        let world = try World()
        var initiator = try world.initiator()
        let message1 = try world.message1(&initiator)
        #expect(message1.count == world.early.count + PacketLayout.Initiation.noiseOverhead)
        var responder = world.responder()
        #expect(try world.read(message1, at: &responder) == world.early)
        let message2 = try world.message2(to: message1)
        #expect(message2.bytes.count == world.answer.count + PacketLayout.Response.noiseOverhead)
        let end = try initiator.readMessage2(message2.bytes)
        #expect(end.payload == world.answer)
        #expect(end.secrets.handshakeHash == message2.result.handshakeHash)
        #expect(end.secrets.send.memory.equals(message2.result.receive.memory))
        #expect(end.secrets.receive.memory.equals(message2.result.send.memory))
        #expect(!end.secrets.send.memory.equals(end.secrets.receive.memory))
    }

    @Test func `a changed or cut message 1 is refused and the true one still works`() throws {
        let world = try World()
        var initiator = try world.initiator()
        let message1 = try world.message1(&initiator)
        var responder = world.responder()
        for bit in 0..<message1.count * 8 {
            var changed = message1
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            // The top bit of an X25519 key means nothing to the curve (RFC 7748 §5), but the transcript has it.
            var responder = world.responder()
            #expect(throws: CryptoError.authenticationFailed) {
                _ = try responder.readSender(of: changed)
                _ = try responder.readMessage1(psk: world.psk)
            }
        }
        for count in 0..<message1.count {
            var responder = world.responder()
            #expect(throws: CryptoError.authenticationFailed) {
                _ = try responder.readSender(of: Array(message1.prefix(count)))
                _ = try responder.readMessage1(psk: world.psk)
            }
        }
        #expect(try world.read(message1, at: &responder) == world.early)
    }

    @Test func `a changed or cut message 2 is refused and the true one still works`() throws {
        let world = try World()
        var initiator = try world.initiator()
        let message1 = try world.message1(&initiator)
        let message2 = try world.message2(to: message1).bytes
        for bit in 0..<message2.count * 8 {
            var changed = message2
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: CryptoError.authenticationFailed) { _ = try initiator.readMessage2(changed) }
        }
        for count in 0..<message2.count {
            #expect(throws: CryptoError.authenticationFailed) {
                _ = try initiator.readMessage2(Array(message2.prefix(count)))
            }
        }
        #expect(try initiator.readMessage2(message2).payload == world.answer)
    }

    @Test func `another node, prologue or pre-shared key fails`() throws {
        let world = try World()
        var initiator = try world.initiator()
        let message1 = try world.message1(&initiator)
        var wrongNode = world.responder(world.first)
        #expect(throws: CryptoError.authenticationFailed) { _ = try wrongNode.readSender(of: message1) }
        var wrongPrologue = world.responder(prologue: Array("postern overlay 1".utf8) + world.second.key.bytes)
        #expect(throws: CryptoError.authenticationFailed) { _ = try wrongPrologue.readSender(of: message1) }
        var responder = world.responder()
        _ = try responder.readSender(of: message1)
        #expect(throws: CryptoError.authenticationFailed) { _ = try responder.readMessage1(psk: .none) }
        // A secret that does not fit leaves the door open to the one that does.
        #expect(try responder.readMessage1(psk: world.psk) == world.early)
    }

    @Test func `a handshake to a key is none to its opposite, which has the same X25519 form`() throws {
        let world = try World()
        let opposite = world.second.key.negated
        #expect(opposite != world.second.key)
        #expect(try opposite.exchangeKey() == world.second.exchangeKey)
        var initiator = try world.initiator()
        let message1 = try world.message1(&initiator)
        var responder = world.responder(prologue: PacketLayout.prologue(to: opposite))
        #expect(throws: CryptoError.authenticationFailed) { _ = try responder.readSender(of: message1) }
    }

    @Test func `message 1 cannot be made with the keys of its sender alone`() throws {
        let world = try World()
        var thief = NoiseInitiator(
            identity: world.first,
            responder: world.second.exchangeKey,
            psk: .none,
            prologue: PacketLayout.prologue(to: world.second.key),
            ephemeral: try ExchangeKeyPair(secretBytes: Array(repeating: 6, count: 32))
        )
        let message1 = try written { try thief.writeMessage1(payload: world.early, to: &$0) }.bytes
        var responder = world.responder()
        #expect(throws: CryptoError.authenticationFailed) { _ = try world.read(message1, at: &responder) }
    }

    @Test func `points of low order end a handshake on both sides`() throws {
        let world = try World()
        let zero = try #require(ExchangeKey(bytes: Array(repeating: 0, count: 32)))
        var initiator = try world.initiator(responder: zero)
        let outcome = Result { try written { try initiator.writeMessage1(payload: [], to: &$0) } }
        #expect(throws: CryptoError.lowOrderPoint) { _ = try outcome.get() }
        var responder = world.responder()
        let forged = Array(repeating: UInt8(0), count: PacketLayout.Initiation.noiseOverhead)
        #expect(throws: CryptoError.lowOrderPoint) { _ = try responder.readSender(of: forged) }
    }

    @Test func `a message that finds no room is not written and can be tried again`() throws {
        let world = try World()
        var initiator = try world.initiator()
        let needed = world.early.count + PacketLayout.Initiation.noiseOverhead
        let tooSmall = try written(capacity: needed - 1) { writer in
            do throws(CryptoError) {
                try initiator.writeMessage1(payload: world.early, to: &writer)
                return nil as CryptoError?
            } catch {
                return error
            }
        }
        #expect(tooSmall.result == .bufferTooSmall)
        #expect(tooSmall.bytes.isEmpty)
        let message1 = try written(capacity: needed) { try initiator.writeMessage1(payload: world.early, to: &$0) }
            .bytes
        #expect(message1.count == needed)
        #expect(try world.message2(to: message1).bytes.count > 0)
    }

    @Test func `messages out of turn are refused`() throws {
        let world = try World()
        var initiator = try world.initiator()
        #expect(throws: CryptoError.exhausted) {
            _ = try initiator.readMessage2(Array(repeating: 0, count: 48))
        }
        let message1 = try world.message1(&initiator)
        let message2 = try world.message2(to: message1).bytes
        var responder = world.responder()
        let ephemeral = try ExchangeKeyPair(secretBytes: Array(repeating: 5, count: 32))
        let early = Result {
            try written { try responder.writeMessage2(payload: [], to: &$0, ephemeral: ephemeral) }
        }
        #expect(throws: CryptoError.exhausted) { _ = try early.get() }
        #expect(throws: CryptoError.exhausted) { _ = try responder.readMessage1(psk: world.psk) }
        _ = try world.read(message1, at: &responder)
        #expect(throws: CryptoError.exhausted) { _ = try responder.readMessage1(psk: world.psk) }
        #expect(throws: CryptoError.exhausted) { _ = try responder.readSender(of: message1) }
        _ = try initiator.readMessage2(message2)
        #expect(throws: CryptoError.exhausted) { _ = try initiator.readMessage2(message2) }
    }

    @Test func `the bytes of a session cross with the keys of its secrets`() throws {
        let world = try World()
        var initiator = try world.initiator()
        let message1 = try world.message1(&initiator)
        let message2 = try world.message2(to: message1)
        let secrets = try initiator.readMessage2(message2.bytes).secrets
        let sealer = PacketSealer(secret: secrets.send, cipher: .chaCha20Poly1305)
        let opener = PacketOpener(secret: message2.result.receive, cipher: .chaCha20Poly1305)
        let packet = try written { writer in
            writer.append(PacketType.protected.rawValue)
            writer.append(bigEndian: UInt32(7))
            writer.append(bigEndian: UInt32(0))
            writer.append([1, 2, 3])
            sealer.seal(PacketNumber(0), in: &writer, from: 0)
        }.bytes
        let scratch = Scratch()
        let opened = try opener.open(packet.span.bytes, largest: nil, into: scratch)
        #expect(try scratch.withSpan(opened.byteCount) { try $0.copyBytes(0..<opened.byteCount) } == [1, 2, 3])
    }
}

@Suite("Noise names and patterns")
struct NoiseProtocolTests {
    @Test func `a pre-shared key stands where its number says`() throws {
        #expect(NoisePattern("IKpsk1")?.messages == [[.e, .es, .s, .ss, .psk], [.e, .ee, .se]])
        #expect(NoisePattern("IKpsk2")?.messages == [[.e, .es, .s, .ss], [.e, .ee, .se, .psk]])
        #expect(NoisePattern("NNpsk0+psk2")?.messages == [[.psk, .e], [.e, .ee, .psk]])
        #expect(NoisePattern("XXpsk3")?.messages.last == [.s, .se, .psk])
        #expect(NoisePattern("Npsk0")?.messages == [[.psk, .e, .es]])
    }

    @Test(arguments: ["", "Q", "IKpsk3", "IKpsk", "IKpsk-1", "IKfallback", "IKpsk2psk2", "ik", "KNX"])
    func `a pattern that is not defined is unknown`(_ name: String) {
        #expect(NoisePattern(Substring(name)) == nil)
    }

    @Test(arguments: [
        "", "Noise", "Noise_IK_25519_ChaChaPoly", "Noise_IK_25519_ChaChaPoly_BLAKE2b_", "noise_IK_25519_A_B",
    ])
    func `a name that is not of five parts is malformed`(_ name: String) {
        guard case .malformed = NoiseProtocol.named(name) else {
            Issue.record("\(name) was taken")
            return
        }
    }
}
